// An app for `larder run`: answers, crashes, prints and begins processes as its URLs ask, and listens
// where its environment says or its arguments: --host H, --port P, --when FILE (once that is there).
// With --no-head it never answers HEAD, with --stubborn it does not end when told.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createServer } from 'node:http';

const told = (name) => process.argv[process.argv.indexOf(`--${name}`) + 1];
const has = (name) => process.argv.includes(`--${name}`);
const host = has('host') ? told('host') : process.env.HOST;
const port = Number(has('port') ? told('port') : process.env.PORT);

const waiting = [];
const begin = (detached, [program, ...rest] = ['sleep', '600']) =>
	spawn(program, rest, { detached, stdio: 'inherit' }).pid;
const answers = {
	'/pid': () => String(process.pid),
	'/environment': () => [process.env.PORT, process.env.HOST, process.env.HOSTNAME].join(' '),
	'/crash': () => process.exit(3),
	'/lines': () => {
		console.log('a line');
		console.error('a complaint');
		return 'printed';
	},
	'/long-line': () => {
		process.stdout.write(`${'x'.repeat(10 << 20)}\n`);
		return 'printed';
	},
	'/processes': () => `${begin(false)} ${begin(true)}`,
	// One that left the app's group and does not end when told.
	'/deaf': () => String(begin(true, ['sh', '-c', 'trap "" TERM; sleep 600'])),
	// More than lies in sockets between a server and a client that does not read.
	'/kept-large': () => 'x'.repeat(32 << 20),
	'/waiting': () => String(waiting.length),
	'/open': () => {
		waiting.splice(0).forEach((answer) => answer.end('at last'));
		return 'opened';
	},
};

const server = createServer((request, answer) => {
	if (request.method === 'HEAD' && has('no-head')) return;
	if (request.url === '/slow') {
		waiting.push(answer);
		return;
	}
	if (request.url.startsWith('/kept')) {
		answer.setHeader('Cache-Control', 'max-age=600, stale-if-error=600');
	}
	const body = answers[request.url]?.() ?? `${request.method} ${request.url}`;
	answer.end(body);
});

process.on('SIGTERM', () => {
	console.log(`told to end, ${waiting.length} waiting`);
	if (!has('stubborn')) process.exit(0);
});

process.on('SIGUSR2', () => console.log('told by SIGUSR2'));

const listen = () => {
	if (has('when') && !existsSync(told('when'))) {
		setTimeout(listen, 20);
		return;
	}
	server.listen(port, host, () => console.log(`listening on ${host} ${port}`));
};
listen();
