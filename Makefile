# What people and CI type. Each target first installs what it needs and this machine lacks.
.PHONY: run run-site test lint bench dist

run: ## a slow news site with Larder in front of it
	@scripts/setup run
	@echo "building (some minutes the first time) …" >&2
	@cargo build --locked --quiet --profile quick -p larder --bins
	@$${CARGO_TARGET_DIR:-target}/quick/larder demo

run-site: ## a real Astro site with Larder in front of it
	@scripts/setup run-site
	@scripts/run-site

test: ## all tests, with a clock that tests can turn
	@scripts/setup test
	LARDER_STATIC=$$(scripts/make-static) cargo test --locked --workspace --features larder/turned-clock

lint: ## format, lints, licences, bans, sources
	@scripts/setup lint
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets --features larder/turned-clock -- -D warnings
	PATH="$(CURDIR)/.tools/bin:$$PATH" cargo deny --offline check licenses bans sources
	@scripts/lint-deploy

bench: ## Larder beside other caches on this machine
	@scripts/setup bench
	@bench/run

dist: ## a static binary with its checksum, in target/dist
	@scripts/setup dist
	@scripts/make-dist
