//! URLs as imgproxy documents them, held against what Larder's own dialect says for the same.

use super::*;
use crate::plan::{Dialects, Plan};

fn settings() -> Imgproxy {
    let presets =
        [("sharp", "sharpen:0.7"), ("small", "rs:fill:90:80/pr:sharp"), ("loop", "w:9/pr:loop")];
    Imgproxy {
        presets: presets.map(|(name, options)| (name.into(), options.into())).into(),
        ..Imgproxy::default()
    }
}

fn of(settings: &Imgproxy, path: &str, is_signed: bool) -> Result<Read, NoPlan> {
    let dialects = Dialects { imgproxy: Some(settings.clone()), ..Dialects::default() };
    let target = format!("{}{path}", settings.path);
    let dialect = dialects.of(&target).expect("it is below the path");
    dialects.read(dialect, &target, is_signed)
}

/// The options of the own dialect that say the same as these, of a picture.
fn own(options: &str) -> Result<String, NoPlan> {
    let read = of(&settings(), &format!("_/{options}/plain/local:///a.jpg"), false)?;
    let target = read.asked.target();
    let options =
        target.strip_prefix("/_larder/image/").and_then(|rest| rest.strip_suffix("/a.jpg"));
    Ok(options.expect("it is of that picture").to_owned())
}

#[test]
fn sizes_are_read_as_they_are_documented() {
    for (options, wanted) in [
        ("rs:fill:300:400:0/g:sm", "w=300,h=400,fit=cover,g=smart"),
        ("resize:fill:100:200:1", "w=100,h=200,fit=cover,enlarge=1"),
        ("rs:fit:300", "w=300"),
        ("rs::300::1", "w=300,enlarge=1"),
        ("rs:force:10", "w=10,fit=force"),
        ("rs:auto:10:20", "w=10,h=20,fit=by-shape"),
        ("rs:fill-down:10:20:0:1:no:1:2", "w=10,h=20,fit=cover-down,extend=north:1:2"),
        ("resizing_type:fill/s:9:8", "w=9,h=8,fit=cover"),
        ("size:100:200:1:t", "w=100,h=200,enlarge=1,extend=centre"),
        ("s:100:::true", "w=100,extend=centre"),
        ("w:100/h:0", "w=100"),
        ("w:100/w:200", "w=200"),
        ("width:100/height:50/min-width:10/mh:20", "w=100,h=50,mw=10,mh=20"),
        ("zoom:0.5", "zoom=0.5"),
        ("z:2:3", "zoom=2:3"),
        ("w:150/dpr:3.0", "w=450"),
        ("w:9/el:true", "w=9,enlarge=1"),
        ("w:9/el:yes", "w=9"),
        ("w:9/extend:1:so:10:20", "w=9,extend=south:10:20"),
        ("w:9/ex:0:so", "w=9"),
        ("w:9/h:9/exar:1:fp:0.1:0.2", "w=9,h=9,reshape=0.1:0.2"),
        ("extend_ar:1/extend_aspect_ratio:f", ""),
        ("rs%3Afill%3a9:8", "w=9,h=8,fit=cover"),
        // What a later option does not say stays as an earlier one had it.
        ("rs:fill:9:9:0:1:no:0:5/ex:1", "w=9,h=9,fit=cover,extend=north:0:5"),
        ("s:9:9/ex:0:so/ex:1", "w=9,h=9,extend=south"),
        ("s:9:9/ex:1:so/ex:0/ex:1", "w=9,h=9,extend=south"),
        ("s:9:9/exar:0:no/exar:1", "w=9,h=9,reshape=north"),
        ("c:100:200:no/c:50", "crop=50:200:north"),
        ("rs:fill:9:9/g:no:10:20/g:so", "w=9,h=9,fit=cover,g=south:10:20"),
        ("t:10:ff0000:1:1/t:20", "trim=20::1:1"),
        ("pd:10/pd::20", "pad=10:20:10:20"),
        ("pd:10/pd:::5", "pad=10:10:5:10"),
        ("wm:0.5:soea:10:10:0.2/wm:0.8", "wm=0.8:southeast:10:10:0.2"),
        ("wm:0.5:re:5:6/wm:1", "wm=1:tile:5:6:0"),
        ("wm:0.5:re:5:6/wm:1:no", "wm=1:north:5:6:0"),
        ("fq:webp:70:avif:50/fq:webp:0", "fq=avif:50"),
        ("fq:webp:70/q:80", "q=80"),
    ] {
        assert_eq!(own(options).as_deref(), Ok(wanted), "{options}");
    }
}

#[test]
fn places_and_changes_are_read_as_they_are_documented() {
    for (options, wanted) in [
        ("s:9:8/rt:fill/gravity:soea", "w=9,h=8,fit=cover,g=southeast"),
        ("s:9:8/rt:fill/g:fp:0.5:0.75", "w=9,h=8,fit=cover,g=0.5:0.75"),
        ("s:9:8/rt:fill/g:nowe:0.1:-20", "w=9,h=8,fit=cover,g=northwest:0.1:-20"),
        ("s:9:8/rt:fill/g:no::5", "w=9,h=8,fit=cover,g=north:0:5"),
        ("crop:100:200", "crop=100:200"),
        ("c:100:200:nowe:10:20", "crop=100:200:northwest:10:20"),
        ("c:0.5/g:ea", "crop=0.5:0,g=east"),
        ("c:0.5:0:sm", "crop=0.5:0:smart"),
        ("c:0:0", ""),
        ("trim:10", "trim=10"),
        ("t:10:FF00FF:1:t", "trim=10:ff00ff:1:1"),
        ("t:10/t:", ""),
        ("padding:10", "pad=10:10:10:10"),
        ("pd:10:20", "pad=10:20:10:20"),
        ("pd:10::30:40", "pad=10:10:30:40"),
        ("pd::20", "pad=0:20:0:20"),
        ("ar:0", "orient=0"),
        ("auto_rotate:true", ""),
        ("rot:90", "rotate=90"),
        ("rotate:-90", "rotate=270"),
        ("rot:720", ""),
        ("flip:1", "flip=h"),
        ("fl::1", "flip=v"),
        ("fl:1:1", "rotate=180"),
        ("bg:128:129:130", "bg=808182"),
        ("background:ffddee", "bg=ffddee"),
        ("background:fff/background:", ""),
        ("blur:0.2/sh:0.5", "blur=0.2,sharpen=0.5"),
        ("pix:8", "pixelate=8"),
        ("watermark:0.5:soea:10:20:0.6", "wm=0.5:southeast:10:20:0.6"),
        ("wm:1:re:5:5", "wm=1:tile:5:5:0"),
        ("wm:0.5", "wm=0.5:centre:0:0:0"),
        ("wm:0", ""),
        ("wm:0:soea:10/wm:0.5", "wm=0.5:southeast:10:0:0"),
        ("wm:0.5/wmu:aHR0cDovL2EvYi5wbmc", "wm=0.5:centre:0:0:0,wms=aHR0cDovL2EvYi5wbmc"),
        ("wmu:aHR0cDovL2EvYi5wbmc", ""),
        ("page:2", "page=2"),
        ("da:1", "still=1"),
    ] {
        assert_eq!(own(options).as_deref(), Ok(wanted), "{options}");
    }
}

#[test]
fn what_is_written_and_said_beside_is_read_as_it_is_documented() {
    for (options, wanted) in [
        ("quality:55", "q=55"),
        ("q:55/q:0", ""),
        ("fq:webp:70:avif:60:gif:9:png:0", "fq=webp:70:avif:60"),
        ("aq:dssim:0.02", "score=80:30:95"),
        ("autoquality:ml:0.01:60:90:0.001", "score=90:60:90"),
        ("aq:size:9000", "max=9000"),
        ("aq:dssim:0.02/aq:none", ""),
        ("mb:9000", "max=9000"),
        ("max_bytes:0", ""),
        ("f:webp", "f=webp"),
        ("ext:jpg", "f=jpeg"),
        ("format:best", "f=best"),
        ("sm:1/kcr:1/scp:1", "copyright=1,metadata=0,profile=srgb"),
        ("strip_metadata:0/scp:0", "metadata=1,profile=keep"),
        ("ph:0/eth:false", ""),
        ("skp:jpg:png:svg", "skip=jpeg:png"),
        ("raw:1/w:9", "raw"),
        ("raw:t/f:webp", "raw"),
        ("cb:abc", ""),
        ("exp:32503669200", ""),
        ("fn:a%20b", "name=YSBi"),
        ("filename:YSBi:1/att:1", "name=YSBi,dl=1"),
        ("preset:sharp:small", "w=90,h=80,fit=cover,sharpen=0.7"),
        ("pr:small/w:10", "w=10,h=80,fit=cover,sharpen=0.7"),
        ("pr:loop", "w=9"),
    ] {
        assert_eq!(own(options).as_deref(), Ok(wanted), "{options}");
    }
}

#[test]
fn what_is_wrong_or_not_made_is_named() {
    for (options, at, why) in [
        ("w:-1", "w", "0 to 16384"),
        ("w:16385", "w", "0 to 16384"),
        ("w:1:2", "w", "more arguments"),
        ("rs:cover:1", "rs", "fill-down"),
        ("rs:fill:1:1:1:1:no:1:1:1", "rs", "more arguments"),
        ("extend:1:sm", "extend", "place"),
        ("extend:1:re", "extend", "place"),
        ("gravity:re", "gravity", "place"),
        ("g:sm:1:1", "g", "place"),
        ("g:fp:1", "g", "place"),
        ("g:fp:0.5:2", "g", "place"),
        ("g:obj:face", "g", "place"),
        ("crop:100:200:re", "crop", "place"),
        ("crop:-1", "crop", "width"),
        ("zoom:0", "zoom", "number"),
        ("dpr:0", "dpr", "number"),
        ("rot:45", "rot", "90"),
        ("bg:red", "bg", "colour"),
        ("bg:1:2", "bg", "colour"),
        ("bg:256:0:0", "bg", "colour"),
        ("blur:-1", "blur", "250"),
        ("wm:2", "wm", "opacity"),
        ("wm:1:ch", "wm", "place"),
        ("wm:1:ce:a", "wm", "distances"),
        ("wmu:!", "wmu", "base64url"),
        ("q:101", "q", "100"),
        ("fq:webp", "fq", "formats"),
        ("fq:bad:1", "fq", "formats"),
        ("aq:dssim:1", "aq", "target"),
        ("aq:other", "aq", "dssim"),
        ("f:gif", "f", "webp"),
        ("skp:jpg:png:bad_format", "skp", "formats"),
        ("exp:soon", "exp", "time"),
        ("pr:none", "none", "preset"),
        ("pr:", "preset", "name"),
        ("pr:sharp:", "preset", "name"),
        ("resize", "resize", "no colon"),
        ("w:9/fill/h:9", "fill", "no colon"),
        ("w:9/enc/abc", "enc", "encrypted"),
        ("ph:1", "ph", "8 bits"),
        ("enforce_thumbnail:1", "enforce_thumbnail", "cannot"),
        ("msr:100", "msr", "limits"),
        ("brightness:10", "brightness", "Pro"),
        ("wms:1:1", "wms", "Pro"),
        ("unknown:1", "unknown", "no option"),
    ] {
        let error = own(options).expect_err(options);
        assert_eq!(&*error.at, at, "{options}: {error}");
        assert!(error.why.contains(why), "{options}: {error}");
    }
}

#[test]
fn sources_stand_as_they_are_or_in_base64url() {
    let curiosity = "http://example.com/images/curiosity.jpg";
    for (path, source, output) in [
        ("plain/http://example.com/images/curiosity.jpg", curiosity, "auto"),
        ("plain/http://example.com/images/curiosity.jpg@png", curiosity, "png"),
        ("w:9/plain/http:/example.com/images/curiosity.jpg@png", curiosity, "png"),
        ("plain/http%3A%2F%2Fexample.com%2Fimages%2Fcuriosity.jpg@png", curiosity, "png"),
        ("plain/http://example.com/images/curiosity.jpg@", curiosity, "auto"),
        ("f:webp/plain/http://example.com/images/curiosity.jpg@png?x=@y", curiosity, "png"),
        ("aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn", curiosity, "auto"),
        ("aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png", curiosity, "png"),
        (
            "pr:sharp/g:sm/aHR0cDovL2V4YW1w/bGUuY29tL2ltYWdl/cy9jdXJpb3NpdHku/anBn.png",
            curiosity,
            "png",
        ),
        ("plain/http://a/b%2520c%3Fd%40e", "http://a/b%20c?d@e", "auto"),
        ("plain/local:///a%20b.jpg", "/a%20b.jpg", "auto"),
        ("plain/local:/a.jpg", "/a.jpg", "auto"),
        ("plain//a.jpg@webp", "/a.jpg", "webp"),
        ("bG9jYWw6Ly8vYS5qcGc=", "/a.jpg", "auto"),
    ] {
        let read = of(&settings(), &format!("insecure/{path}"), false);
        let asked = read.unwrap_or_else(|error| panic!("{path}: {error}")).asked;
        assert_eq!(asked.source.as_str(), source, "{path}");
        let Wanted::Picture(plan) = asked.wanted else { panic!("{path}") };
        let format = Plan { output: plan.output, ..Plan::default() }.to_string();
        let format = format.strip_prefix("f=").unwrap_or("auto");
        assert_eq!(format, output, "{path}");
    }
    let based = Imgproxy { base_url: "http://images.dev/lorem/".into(), ..settings() };
    for (text, source) in [
        ("ipsum.jpg", "http://images.dev/lorem/ipsum.jpg"),
        ("http://images.dev/lorem/ipsum.jpg", "http://images.dev/lorem/ipsum.jpg"),
    ] {
        let asked = of(&based, &format!("_/plain/{text}@png"), false).expect(text).asked;
        assert_eq!(asked.source.as_str(), source);
    }
    for (path, why) in [
        ("_", "lacks"),
        ("_/", "lacks"),
        ("_/w:9", "empty"),
        ("_/w:9/", "empty"),
        ("_/plain/", "empty"),
        ("_/plain/a@png@jpg", "several"),
        ("_/YS5qcGc.png.jpg", "several"),
        ("_/!!", "base64url"),
        ("_/plain/a.jpg", "neither"),
        ("_/plain/s3://bucket/a.jpg", "no URL"),
        ("_/plain/local:///_next/image", "itself"),
        ("_/plain/a%ff", "UTF-8"),
        ("_/plain/http://a/b@gif", "webp"),
    ] {
        let error = of(&settings(), path, false).expect_err(path);
        assert!(error.why.contains(why), "{path}: {error}");
    }
}

#[test]
fn presets_take_the_place_of_options_where_only_they_count() {
    let mut only = Imgproxy { only_presets: true, auto_format: false, ..settings() };
    let options = |settings: &Imgproxy, path: &str| {
        let read = of(settings, &format!("_/{path}/plain/local:///a.jpg"), false)?;
        let Wanted::Picture(plan) = read.asked.wanted else { panic!("{path}") };
        Ok::<_, NoPlan>(plan.to_string())
    };
    assert_eq!(options(&only, "sharp:loop").as_deref(), Ok("w=9,sharpen=0.7,f=same"));
    assert!(options(&only, "w:100").is_err());
    only.presets.push(("default".into(), "q:70".into()));
    assert_eq!(options(&only, "sharp").as_deref(), Ok("sharpen=0.7,q=70,f=same"));
    only.only_presets = false;
    assert_eq!(options(&only, "q:60").as_deref(), Ok("q=60,f=same"));
    only.presets.push(("bad".into(), "w:-1".into()));
    assert_eq!(only.check_preset("bad").map_err(|error| error.at), Err("w".into()));
    assert_eq!(only.check_preset("small"), Ok(false));
}

#[test]
fn what_strangers_write_does_not_count() {
    let buster = |is_signed| {
        let read = of(&settings(), "_/cb:1/plain/local:///a.jpg", is_signed).expect("a plan");
        read.asked.delivery.buster
    };
    assert_eq!((buster(false), buster(true)), (None, Some("1".into())));
    let expires = |path: &str| of(&settings(), path, false).expect(path).expires;
    assert_eq!(expires("_/exp:1609448400/plain/local:///a.jpg"), Some(1_609_448_400));
    assert_eq!(expires("_/exp:0/plain/local:///a.jpg"), None);
    assert_eq!(expires("info/_/exp:5/plain/local:///a.jpg"), Some(5));
}

#[test]
fn info_is_told_of_sources() {
    for path in ["info/_/plain/local:///a.jpg", "info/_/s:1/f:1/dc:t/bG9jYWw6Ly8vYS5qcGc"] {
        let asked = of(&settings(), path, false).expect(path).asked;
        assert_eq!((asked.wanted, asked.source.as_str()), (Wanted::Info, "/a.jpg"));
    }
    let error = of(&settings(), "info/_/palette:5/plain/local:///a.jpg", false);
    assert_eq!(error.map_err(|error| error.at), Err("palette".into()));
}

#[test]
fn what_is_signed_is_all_behind_the_signature() {
    let settings = settings();
    for (target, text, signed) in [
        ("/imgproxy/abc/rs:fit/a.png?x", "abc", ["/rs:fit/a.png", "/rs:fit/a.png"]),
        ("/imgproxy/info/abc/a", "abc", ["/a", "/a"]),
        ("/imgproxy/x/w%3A9/plain/http:/a", "x", ["/w%3A9/plain/http:/a", "/w:9/plain/http://a"]),
        ("/imgproxy/x/plain/local:/a", "x", ["/plain/local:/a", "/plain/local:///a"]),
    ] {
        let found = settings.signature(target).expect(target);
        assert_eq!((found.text, found.signed.each_ref().map(String::as_str)), (text, signed));
    }
    assert_eq!(settings.signature("/imgproxy/abc"), None);
}
