//! A content system: it signs what it sends by a program that knows nothing of Larder.

use super::browser::tests;
use super::client::request;
use super::{Client, Received};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::process::Command;

/// The secret of hooks under test; Standard Webhooks has its own form.
pub const SECRET: &str = "a-secret-of-the-content-system";
/// The same for Standard Webhooks.
pub const STANDARD_SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";

/// A delivery that can be sent again and again.
#[derive(Clone)]
pub struct Delivery {
    /// Its header fields.
    pub fields: Vec<(String, String)>,
    /// Its body.
    pub body: String,
    /// Its path.
    pub target: String,
}

impl Delivery {
    /// A delivery of a system for a path, signed now; `more` is what else the system tells.
    pub fn signed(kind: &str, target: &str, payload: &Value, more: &Value) -> Delivery {
        let body = payload.to_string();
        let secret = if kind == "standard" { STANDARD_SECRET } else { SECRET };
        let mut told = json!({ "secret": secret, "body": body, "target": target });
        told.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
        let output = Command::new("node")
            .arg(tests().join("content/sign.mjs"))
            .args([kind, &told.to_string()])
            .output()
            .expect("node is there");
        let headers: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
        let fields = headers.as_object().unwrap().iter();
        let fields = fields.map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned()));
        Delivery { fields: fields.collect(), body, target: target.to_owned() }
    }

    /// The same with another value of a field.
    pub fn with(&self, name: &str, value: &str) -> Delivery {
        let mut other = self.clone();
        other.fields.retain(|(known, _)| known != name);
        other.fields.push((name.to_owned(), value.to_owned()));
        other
    }

    /// The same with another body.
    pub fn saying(&self, body: &str) -> Delivery {
        Delivery { body: body.to_owned(), ..self.clone() }
    }

    /// Sends it to a listener.
    pub fn send(&self, to: SocketAddr, host: &str) -> Received {
        let length = self.body.len().to_string();
        let mut fields: Vec<(&str, &str)> =
            vec![("Host", host), ("Content-Length", &length), ("Connection", "close")];
        fields.extend(self.fields.iter().map(|(name, value)| (&**name, &**value)));
        let mut client = Client::connect(to);
        client.send(request("POST", &self.target, &fields) + &self.body);
        client.read_to("POST")
    }
}
