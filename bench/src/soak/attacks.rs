//! Attacks: what a hostile or broken client does to TLS, to HTTP/1.1, to HTTP/2 and to WebSocket.

mod frames;
mod http1;
mod http2;
mod tls;
mod websocket;
mod wire;

use super::crowd::Crowd;

/// Lets all of them loose.
pub fn let_loose(crowd: &mut Crowd) {
    crowd.attack("garbage instead of TLS", 2, tls::garbage);
    crowd.attack("half a TLS hello", 16, tls::half_hello);
    crowd.attack("plain HTTP to TLS", 2, tls::plain_http);
    crowd.attack("another name by SNI", 2, tls::another_name);
    crowd.attack("garbage within TLS", 2, tls::garbage_within);
    crowd.attack("huge heads", 2, http1::huge_head);
    crowd.attack("heads byte by byte", 16, http1::slow_head);
    crowd.attack("broken chunks", 2, http1::broken_chunks);
    crowd.attack("leaving before the answer", 4, http1::leave_before_answer);
    crowd.attack("leaving in an answer", 4, http1::leave_in_answer);
    crowd.attack("leaving in a compressed answer", 4, http1::leave_in_compressed);
    crowd.attack("leaving in an upload", 4, http1::leave_in_upload);
    crowd.attack("slow readers", 16, http1::read_slowly);
    crowd.attack("deaf readers", 8, http1::read_nothing);
    crowd.attack("HTTP/2 rapid reset", 2, http2::rapid_reset);
    crowd.attack("HTTP/2 CONTINUATION flood", 2, http2::continuation_flood);
    crowd.attack("HTTP/2 huge header lists", 2, http2::huge_header_list);
    crowd.attack("HTTP/2 header bombs", 2, http2::header_bomb);
    crowd.attack("HTTP/2 SETTINGS flood", 2, http2::settings_flood);
    crowd.attack("HTTP/2 PING flood", 2, http2::ping_flood);
    crowd.attack("HTTP/2 PING flood, deaf", 2, http2::deaf_ping_flood);
    crowd.attack("HTTP/2 closed windows", 8, http2::closed_windows);
    crowd.attack("HTTP/2 leaving in answers", 4, http2::leave_in_answers);
    crowd.attack("half a WebSocket handshake", 4, websocket::half_handshake);
    crowd.attack("huge WebSocket handshakes", 2, websocket::huge_handshake);
    crowd.attack("huge WebSocket frames", 2, websocket::huge_frame);
    crowd.attack("silent WebSockets", 8, websocket::say_nothing);
}
