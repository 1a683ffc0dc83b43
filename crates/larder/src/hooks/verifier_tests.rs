//! Signatures that were made by the systems' own libraries (`@contentful/node-apps-toolkit` 3.16,
//! `@sanity/webhook` 4.0.4, `standardwebhooks` 1, `@octokit/webhooks-methods` 6), and for Ghost and
//! Shopify by Node's `crypto` as Ghost 5.130 and Shopify's documentation do it.

use super::verifier::{Forged, Genuine, Kind, Signed};
use policy::fields::Fields;
use policy::time::Timestamp;

const SECRET: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
const STANDARD_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const SIGNED_AT: u64 = 1_767_225_600_000;
const BODY: &str = "{\"slug\":\"first\",\"n\":1,\"w\":\"m\u{e4}rz\"}";
const PATH: &str = "/_larder/hooks/cms";

/// A delivery of a system.
#[derive(Clone)]
struct Sample {
    kind: Kind,
    secret: &'static str,
    target: &'static str,
    fields: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

fn sample(kind: Kind, fields: &[(&'static str, &str)]) -> Sample {
    let secret = if kind == Kind::Standard { STANDARD_SECRET } else { SECRET };
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    Sample { kind, secret, target: PATH, fields, body: BODY.into() }
}

fn samples() -> Vec<Sample> {
    let contentful = sample(
        Kind::Contentful,
        &[
            ("X-Contentful-Topic", "ContentManagement.Entry.publish"),
            (
                "X-Contentful-Signature",
                "1c0dd32556ba9c541ad674dc8555d0eb8b759302342e1b08ad21cdbc5f8d47be",
            ),
            (
                "X-Contentful-Signed-Headers",
                "x-contentful-signed-headers,x-contentful-timestamp,x-contentful-topic",
            ),
            ("X-Contentful-Timestamp", "1767225600000"),
        ],
    );
    let with_query = Sample {
        target: "/_larder/hooks/cms?a=b&c=d",
        ..sample(
            Kind::Contentful,
            &[
                ("X-Contentful-Topic", "ContentManagement.Entry.publish"),
                ("Content-Type", "application/vnd.contentful.management.v1+json"),
                (
                    "X-Contentful-Signature",
                    "3d4413630bc033ec5af47baa935c25d25ce711c6512864d942ca2a02f22d7c96",
                ),
                (
                    "X-Contentful-Signed-Headers",
                    "content-type,x-contentful-signed-headers,x-contentful-timestamp,\
                     x-contentful-topic",
                ),
                ("X-Contentful-Timestamp", "1767225600000"),
            ],
        )
    };
    vec![
        contentful,
        with_query,
        sample(
            Kind::Sanity,
            &[(
                "Sanity-Webhook-Signature",
                "t=1767225600000,v1=L_oMRQoXuibi6Ka-jUyjp0TqkL-0iMHzKTcF5V2mM6Q",
            )],
        ),
        sample(
            Kind::Ghost,
            &[(
                "X-Ghost-Signature",
                "sha256=10e3fdcbb876c690a0ca199aac35a7fbad631ff2ed3ca2f64438722ef7201b26, \
                 t=1767225600000",
            )],
        ),
        sample(
            Kind::Shopify,
            &[
                ("X-Shopify-Hmac-Sha256", "HO+gNMOg/qXjATgAIGTehupd/0VQaDaxwzT33LiX63Y="),
                ("X-Shopify-Webhook-Id", "b54557e4-bdd9-4b37-8a5f-bf7d70bcd043"),
            ],
        ),
        sample(
            Kind::GitHub,
            &[
                (
                    "X-Hub-Signature-256",
                    "sha256=1cefa034c3a0fea5e30138002064de86ea5dff45506836b1c334f7dcb897eb76",
                ),
                ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
            ],
        ),
        sample(
            Kind::Standard,
            &[
                ("Webhook-Id", "msg_1"),
                ("Webhook-Timestamp", "1767225600"),
                ("Webhook-Signature", "v1,4X7DYg1AX40z7zvAG4st4cJYEa7vP3d+xIDKA/FDVTE="),
            ],
        ),
        sample(
            Kind::Standard,
            &[
                ("Svix-Id", "msg_1"),
                ("Svix-Timestamp", "1767225600"),
                ("Svix-Signature", "v1,4X7DYg1AX40z7zvAG4st4cJYEa7vP3d+xIDKA/FDVTE="),
            ],
        ),
        sample(Kind::Header("x-token".into()), &[("X-Token", SECRET)]),
    ]
}

impl Sample {
    fn fields(&self) -> Fields {
        self.fields.iter().map(|(name, value)| (*name, value.as_str())).collect()
    }

    fn verify_at(&self, now: u64) -> Result<Genuine, Forged> {
        let secret = self.secret.parse().expect("it is long enough");
        let fields = self.fields();
        let signed =
            Signed { method: "POST", target: self.target, fields: &fields, body: &self.body };
        self.kind.verify(&[secret], signed, Timestamp(now))
    }

    fn verify(&self) -> Result<Genuine, Forged> {
        self.verify_at(SIGNED_AT)
    }

    fn is_timed(&self) -> bool {
        !matches!(self.kind, Kind::Shopify | Kind::GitHub | Kind::Header(_))
    }
}

#[test]
fn what_each_system_signs_is_believed() {
    for sample in samples() {
        let genuine =
            sample.verify().unwrap_or_else(|forged| panic!("{:?}: {forged}", sample.kind));
        let is_known = genuine.fingerprint.is_some();
        assert_eq!(is_known, !matches!(sample.kind, Kind::Header(_)), "{:?}", sample.kind);
    }
}

#[test]
fn no_byte_of_it_can_be_another() {
    for sample in samples().into_iter().filter(|sample| !matches!(sample.kind, Kind::Header(_))) {
        for at in 0..sample.body.len() {
            let mut other = sample.clone();
            other.body[at] ^= 1;
            assert_eq!(other.verify(), Err(Forged::Wrong), "{:?} {at}", sample.kind);
        }
        let other =
            Sample { secret: "another secret-0123".split(' ').next_back().unwrap_or(""), ..sample };
        assert_eq!(other.verify(), Err(Forged::Wrong), "{:?}", other.kind);
    }
}

#[test]
fn a_signed_time_counts_for_five_minutes_either_way() {
    for sample in samples() {
        let (last, first) = (SIGNED_AT + 300_000, SIGNED_AT - 300_000);
        for now in [SIGNED_AT, last, first] {
            assert!(sample.verify_at(now).is_ok(), "{:?} {now}", sample.kind);
        }
        let (late, early) = (sample.verify_at(last + 1), sample.verify_at(first - 1));
        match sample.is_timed() {
            true => assert_eq!((late, early), (Err(Forged::Old(300)), Err(Forged::Ahead(300)))),
            false => assert!(late.is_ok() && early.is_ok()),
        }
    }
}

#[test]
fn a_field_that_is_missing_twice_or_broken_is_not_believed() {
    let told = ["topic", "-id", "-delivery", "content-type"];
    let is_told = |name: &str| {
        let name = name.to_ascii_lowercase();
        told.iter().any(|part| name.contains(part)) && !["webhook-id", "svix-id"].contains(&&*name)
    };
    for sample in samples() {
        for at in 0..sample.fields.len() {
            let name = sample.fields[at].0;
            let mut without = sample.clone();
            without.fields.remove(at);
            let mut twice = sample.clone();
            twice.fields.push(sample.fields[at].clone());
            let mut broken = sample.clone();
            broken.fields[at].1 = "\u{e4},=".to_owned();
            // What only tells of a delivery need not be there, unless it is signed.
            if is_told(name) && sample.kind != Kind::Contentful {
                assert!(without.verify().is_ok(), "{:?} without {name}", sample.kind);
                assert!(twice.verify().is_ok(), "{:?} {name} twice", sample.kind);
                assert!(broken.verify().is_ok(), "{:?} {name} broken", sample.kind);
                continue;
            }
            assert!(without.verify().is_err(), "{:?} without {name}", sample.kind);
            assert!(broken.verify().is_err(), "{:?} {name} broken", sample.kind);
            if !is_told(name) {
                assert!(twice.verify().is_err(), "{:?} {name} twice", sample.kind);
            }
        }
    }
}

#[test]
fn a_time_that_is_not_signed_does_not_count() {
    let mut sample = samples().swap_remove(0);
    // As Contentful's library signs it if it is told to sign no header but one.
    sample.fields[2].1 = "x-contentful-topic".to_owned();
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, SECRET.as_bytes());
    let line = format!("POST\n{PATH}\nx-contentful-topic:ContentManagement.Entry.publish\n{BODY}");
    let tag = aws_lc_rs::hmac::sign(&key, line.as_bytes());
    sample.fields[1].1 = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(sample.verify(), Err(Forged::UnsignedTime));
}

#[test]
fn deliveries_are_told_apart_by_id_and_body_or_by_signature() {
    for sample in samples() {
        let known = |sample: &Sample| sample.verify().ok().and_then(|genuine| genuine.fingerprint);
        assert_eq!(known(&sample), known(&sample));
        let mut other = sample.clone();
        let Some(id) = other
            .fields
            .iter_mut()
            .find(|(name, _)| matches!(*name, "X-Shopify-Webhook-Id" | "X-GitHub-Delivery"))
        else {
            continue;
        };
        id.1 = "other".to_owned();
        assert_ne!(known(&sample), known(&other), "{:?}", sample.kind);
    }
}

#[test]
fn one_of_several_secrets_or_signatures_is_enough() {
    let sample = samples().swap_remove(3);
    let secrets =
        ["another-secret".parse().expect("long enough"), SECRET.parse().expect("long enough")];
    let fields = sample.fields();
    let signed = Signed { method: "POST", target: PATH, fields: &fields, body: &sample.body };
    assert!(sample.kind.verify(&secrets, signed, Timestamp(SIGNED_AT)).is_ok());

    let mut standard = samples().swap_remove(6);
    standard.fields[2].1 = format!("v1a,x v1,AAAA {}", standard.fields[2].1);
    assert!(standard.verify().is_ok());
    standard.fields[2].1 = "v1a,x".to_owned();
    assert_eq!(standard.verify(), Err(Forged::Unreadable("webhook-signature")));
}

#[test]
fn a_secret_of_standard_webhooks_may_name_its_version_and_lack_its_padding() {
    let sample = samples().swap_remove(6);
    let bare = STANDARD_SECRET.trim_end_matches('=');
    for secret in [bare.to_owned(), format!("v1,{STANDARD_SECRET}"), format!("v1,{bare}")] {
        let secrets = [secret.parse().expect("long enough")];
        let fields = sample.fields();
        let signed = Signed { method: "POST", target: PATH, fields: &fields, body: &sample.body };
        assert!(sample.kind.verify(&secrets, signed, Timestamp(SIGNED_AT)).is_ok());
    }
}

#[test]
fn the_header_may_say_bearer() {
    let mut sample = samples().pop().expect("the last");
    for (value, is_right) in [
        (format!("Bearer {SECRET}"), true),
        (format!("bearer  {SECRET}"), true),
        (format!("Basic {SECRET}"), false),
        ("Bearer ".to_owned(), false),
        (String::new(), false),
        (SECRET[1..].to_owned(), false),
    ] {
        sample.fields[0].1 = value;
        assert_eq!(sample.verify().is_ok(), is_right, "{:?}", sample.fields);
    }
}
