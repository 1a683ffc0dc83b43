//! How an URL is spelled where it stands: in a string, in an attribute in it, in a list in that.

use std::borrow::Cow;

/// What an URL stands in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layer {
    /// A string of JSON.
    Json,
    /// The text of an element of XML.
    XmlText,
    /// A CDATA section.
    CData,
    /// An attribute of XML, with either quote.
    XmlAttribute,
    /// An attribute of HTML, with either quote.
    HtmlQuoted,
    /// An attribute of HTML without quotes.
    HtmlBare,
    /// A list of candidates (`srcset`).
    Srcset,
}

/// The layers around an URL, the innermost first. A list in an attribute in a string is the most there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Spelling([Option<Layer>; 3]);

impl Spelling {
    /// One layer more, within those that there are.
    pub fn within(self, layer: Layer) -> Spelling {
        let [inner, middle, _] = self.0;
        Spelling([Some(layer), inner, middle])
    }

    /// The URL as it is written there.
    pub fn spell(self, url: &str) -> String {
        let layers = self.0.into_iter().flatten();
        layers.fold(url.to_owned(), |spelled, layer| layer.spell(&spelled))
    }
}

impl Layer {
    fn spell(self, url: &str) -> String {
        match self {
            Layer::Json => json(url),
            Layer::XmlText | Layer::XmlAttribute | Layer::HtmlQuoted => {
                url.chars().map(|c| markup(c, "&<>\"'")).collect()
            }
            Layer::HtmlBare => url.chars().map(|c| markup(c, "&<>\"'=` \t\n\r\x0c")).collect(),
            // The end of a section cannot be written in one, and `>` need not stand in an URL.
            Layer::CData => url.replace("]]>", "]]%3E"),
            Layer::Srcset => candidate(url),
        }
    }
}

fn json(url: &str) -> String {
    let quoted = serde_json::Value::from(url).to_string();
    quoted[1..quoted.len() - 1].to_owned()
}

fn markup(c: char, special: &str) -> Cow<'static, str> {
    match c {
        '&' => Cow::Borrowed("&amp;"),
        c if special.contains(c) => Cow::Owned(format!("&#{};", u32::from(c))),
        c => Cow::Owned(c.into()),
    }
}

/// White space ends a candidate, and commas at its ends are not of it.
fn candidate(url: &str) -> String {
    let last = url.chars().count().saturating_sub(1);
    let spell = |(i, c): (usize, char)| match c {
        ',' if i == 0 || i == last => "%2C".to_owned(),
        c if c.is_ascii_whitespace() => format!("%{:02X}", u32::from(c)),
        c => c.to_string(),
    };
    url.chars().enumerate().map(spell).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_url_is_spelled_for_what_it_stands_in() {
        for (layers, url, spelled) in [
            (&[][..], "/a&b", "/a&b"),
            (&[Layer::Json], "/a\"\\\u{1}ä/", "/a\\\"\\\\\\u0001ä/"),
            (&[Layer::XmlText], "/a?b&c<d", "/a?b&amp;c&#60;d"),
            (&[Layer::XmlAttribute], "/a\"'", "/a&#34;&#39;"),
            (&[Layer::CData], "/a]]>b&c", "/a]]%3Eb&c"),
            (&[Layer::HtmlBare], "/a b=c", "/a&#32;b&#61;c"),
            (&[Layer::Srcset], ",/a, b,", "%2C/a,%20b%2C"),
            (&[Layer::XmlText, Layer::HtmlQuoted, Layer::Srcset], "/a b&c", "/a%20b&amp;amp;c"),
            (&[Layer::Json, Layer::HtmlQuoted], "/\"", "/&#34;"),
        ] {
            let spelling = layers.iter().fold(Spelling::default(), |s, layer| s.within(*layer));
            assert_eq!(spelling.spell(url), spelled, "{layers:?}");
        }
    }
}
