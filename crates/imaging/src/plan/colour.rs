//! Colours in the words of CSS (CSS Color Module Level 4, §5.1 and §6.1).

use super::options::Background;

/// The named colours, in the order of their names.
const NAMED: [(&str, u32); 148] = [
    ("aliceblue", 0xf0f8ff),
    ("antiquewhite", 0xfaebd7),
    ("aqua", 0x00ffff),
    ("aquamarine", 0x7fffd4),
    ("azure", 0xf0ffff),
    ("beige", 0xf5f5dc),
    ("bisque", 0xffe4c4),
    ("black", 0x000000),
    ("blanchedalmond", 0xffebcd),
    ("blue", 0x0000ff),
    ("blueviolet", 0x8a2be2),
    ("brown", 0xa52a2a),
    ("burlywood", 0xdeb887),
    ("cadetblue", 0x5f9ea0),
    ("chartreuse", 0x7fff00),
    ("chocolate", 0xd2691e),
    ("coral", 0xff7f50),
    ("cornflowerblue", 0x6495ed),
    ("cornsilk", 0xfff8dc),
    ("crimson", 0xdc143c),
    ("cyan", 0x00ffff),
    ("darkblue", 0x00008b),
    ("darkcyan", 0x008b8b),
    ("darkgoldenrod", 0xb8860b),
    ("darkgray", 0xa9a9a9),
    ("darkgreen", 0x006400),
    ("darkgrey", 0xa9a9a9),
    ("darkkhaki", 0xbdb76b),
    ("darkmagenta", 0x8b008b),
    ("darkolivegreen", 0x556b2f),
    ("darkorange", 0xff8c00),
    ("darkorchid", 0x9932cc),
    ("darkred", 0x8b0000),
    ("darksalmon", 0xe9967a),
    ("darkseagreen", 0x8fbc8f),
    ("darkslateblue", 0x483d8b),
    ("darkslategray", 0x2f4f4f),
    ("darkslategrey", 0x2f4f4f),
    ("darkturquoise", 0x00ced1),
    ("darkviolet", 0x9400d3),
    ("deeppink", 0xff1493),
    ("deepskyblue", 0x00bfff),
    ("dimgray", 0x696969),
    ("dimgrey", 0x696969),
    ("dodgerblue", 0x1e90ff),
    ("firebrick", 0xb22222),
    ("floralwhite", 0xfffaf0),
    ("forestgreen", 0x228b22),
    ("fuchsia", 0xff00ff),
    ("gainsboro", 0xdcdcdc),
    ("ghostwhite", 0xf8f8ff),
    ("gold", 0xffd700),
    ("goldenrod", 0xdaa520),
    ("gray", 0x808080),
    ("green", 0x008000),
    ("greenyellow", 0xadff2f),
    ("grey", 0x808080),
    ("honeydew", 0xf0fff0),
    ("hotpink", 0xff69b4),
    ("indianred", 0xcd5c5c),
    ("indigo", 0x4b0082),
    ("ivory", 0xfffff0),
    ("khaki", 0xf0e68c),
    ("lavender", 0xe6e6fa),
    ("lavenderblush", 0xfff0f5),
    ("lawngreen", 0x7cfc00),
    ("lemonchiffon", 0xfffacd),
    ("lightblue", 0xadd8e6),
    ("lightcoral", 0xf08080),
    ("lightcyan", 0xe0ffff),
    ("lightgoldenrodyellow", 0xfafad2),
    ("lightgray", 0xd3d3d3),
    ("lightgreen", 0x90ee90),
    ("lightgrey", 0xd3d3d3),
    ("lightpink", 0xffb6c1),
    ("lightsalmon", 0xffa07a),
    ("lightseagreen", 0x20b2aa),
    ("lightskyblue", 0x87cefa),
    ("lightslategray", 0x778899),
    ("lightslategrey", 0x778899),
    ("lightsteelblue", 0xb0c4de),
    ("lightyellow", 0xffffe0),
    ("lime", 0x00ff00),
    ("limegreen", 0x32cd32),
    ("linen", 0xfaf0e6),
    ("magenta", 0xff00ff),
    ("maroon", 0x800000),
    ("mediumaquamarine", 0x66cdaa),
    ("mediumblue", 0x0000cd),
    ("mediumorchid", 0xba55d3),
    ("mediumpurple", 0x9370db),
    ("mediumseagreen", 0x3cb371),
    ("mediumslateblue", 0x7b68ee),
    ("mediumspringgreen", 0x00fa9a),
    ("mediumturquoise", 0x48d1cc),
    ("mediumvioletred", 0xc71585),
    ("midnightblue", 0x191970),
    ("mintcream", 0xf5fffa),
    ("mistyrose", 0xffe4e1),
    ("moccasin", 0xffe4b5),
    ("navajowhite", 0xffdead),
    ("navy", 0x000080),
    ("oldlace", 0xfdf5e6),
    ("olive", 0x808000),
    ("olivedrab", 0x6b8e23),
    ("orange", 0xffa500),
    ("orangered", 0xff4500),
    ("orchid", 0xda70d6),
    ("palegoldenrod", 0xeee8aa),
    ("palegreen", 0x98fb98),
    ("paleturquoise", 0xafeeee),
    ("palevioletred", 0xdb7093),
    ("papayawhip", 0xffefd5),
    ("peachpuff", 0xffdab9),
    ("peru", 0xcd853f),
    ("pink", 0xffc0cb),
    ("plum", 0xdda0dd),
    ("powderblue", 0xb0e0e6),
    ("purple", 0x800080),
    ("rebeccapurple", 0x663399),
    ("red", 0xff0000),
    ("rosybrown", 0xbc8f8f),
    ("royalblue", 0x4169e1),
    ("saddlebrown", 0x8b4513),
    ("salmon", 0xfa8072),
    ("sandybrown", 0xf4a460),
    ("seagreen", 0x2e8b57),
    ("seashell", 0xfff5ee),
    ("sienna", 0xa0522d),
    ("silver", 0xc0c0c0),
    ("skyblue", 0x87ceeb),
    ("slateblue", 0x6a5acd),
    ("slategray", 0x708090),
    ("slategrey", 0x708090),
    ("snow", 0xfffafa),
    ("springgreen", 0x00ff7f),
    ("steelblue", 0x4682b4),
    ("tan", 0xd2b48c),
    ("teal", 0x008080),
    ("thistle", 0xd8bfd8),
    ("tomato", 0xff6347),
    ("turquoise", 0x40e0d0),
    ("violet", 0xee82ee),
    ("wheat", 0xf5deb3),
    ("white", 0xffffff),
    ("whitesmoke", 0xf5f5f5),
    ("yellow", 0xffff00),
    ("yellowgreen", 0x9acd32),
];

/// The opaque colour of a text: by its name, in hexadecimal digits, with `#` or without, or as `rgb(…)`.
pub fn opaque(text: &str) -> Option<Background> {
    match css(text)? {
        (colour, false) => Some(colour),
        (_, true) => None,
    }
}

/// The colour of a text, as [`opaque`] reads it; how transparent it is said to be counts nothing.
pub fn any(text: &str) -> Option<Background> {
    css(text).map(|(colour, _)| colour)
}

/// A colour, and whether how opaque it is stands beside it.
fn css(text: &str) -> Option<(Background, bool)> {
    let text = text.trim().to_ascii_lowercase();
    let inner = |name: &str| text.strip_prefix(name)?.strip_suffix(')');
    match inner("rgb(").or_else(|| inner("rgba(")) {
        Some(parts) => of_parts(parts),
        None => named(&text).map(|colour| (colour, false)).or_else(|| of_digits(&text)),
    }
}

fn named(name: &str) -> Option<Background> {
    let at = NAMED.binary_search_by_key(&name, |(name, _)| name).ok()?;
    let [_, r, g, b] = NAMED[at].1.to_be_bytes();
    Some(Background([r, g, b]))
}

fn of_digits(text: &str) -> Option<(Background, bool)> {
    let digits = text.strip_prefix('#').unwrap_or(text);
    if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    let has_alpha = text.starts_with('#') && matches!(digits.len(), 4 | 8);
    let digits = match has_alpha {
        true => digits.get(..digits.len() / 4 * 3)?,
        false => digits,
    };
    Background::parse(digits).map(|colour| (colour, has_alpha))
}

/// What stands between the brackets: three parts, and perhaps how opaque it is.
fn of_parts(text: &str) -> Option<(Background, bool)> {
    let mut parts = text.split([',', ' ', '/']).filter(|part| !part.is_empty());
    let mut part = || byte(parts.next()?);
    let colour = Background([part()?, part()?, part()?]);
    let alpha = parts.next();
    let is_right = alpha.is_none_or(|alpha| fraction(alpha).is_some()) && parts.next().is_none();
    is_right.then_some((colour, alpha.is_some()))
}

fn byte(text: &str) -> Option<u8> {
    let number = match text.strip_suffix('%') {
        Some(percent) => number(percent)? * 2.55,
        None => number(text)?,
    };
    (0.0..=255.0).contains(&number).then_some(number.round() as u8)
}

fn fraction(text: &str) -> Option<f64> {
    let number = match text.strip_suffix('%') {
        Some(percent) => number(percent)? / 100.0,
        None => number(text)?,
    };
    (0.0..=1.0).contains(&number).then_some(number)
}

/// A number in digits, perhaps with a point.
fn number(text: &str) -> Option<f64> {
    let is_plain = text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    text.parse().ok().filter(|_| is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_their_order() {
        assert!(NAMED.is_sorted());
    }

    #[test]
    fn colours_are_read_in_the_words_of_css() {
        let (red, rebecca) = (Some([255, 0, 0]), Some([0x66, 0x33, 0x99]));
        for (text, colour, is_opaque) in [
            ("red", red, true),
            ("RebeccaPurple", rebecca, true),
            ("yellowgreen", Some([154, 205, 50]), true),
            ("#f00", red, true),
            ("ff0000", red, true),
            ("#f00f", red, false),
            ("#66339980", rebecca, false),
            ("rgb(255, 0, 0)", red, true),
            ("rgb(255 0 0)", red, true),
            ("rgb(100%,0%,0%)", red, true),
            ("rgba(255,0,0,0.5)", red, false),
            ("rgb(102 51 153 / 50%)", rebecca, false),
            ("", None, false),
            ("reddish", None, false),
            ("f00f", None, false),
            ("##f00", None, false),
            ("#fffz", None, false),
            ("#aabbcczz", None, false),
            ("#+12", None, false),
            ("rgb(256,0,0)", None, false),
            ("rgb(1,2)", None, false),
            ("rgba(1,2,3,4)", None, false),
            ("rgb(1,2,3,0.4,5)", None, false),
            ("rgb(nan,inf,1e2)", None, false),
            ("rgb(1,2,3", None, false),
            ("#\u{fc}\u{fc}", None, false),
        ] {
            assert_eq!(any(text), colour.map(Background), "{text}");
            assert_eq!(opaque(text), colour.filter(|_| is_opaque).map(Background), "{text}");
        }
    }
}
