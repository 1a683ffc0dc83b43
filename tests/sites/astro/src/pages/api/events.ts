// Server-sent events: three, 200 ms apart, then a comment each second until the client leaves.
import type { APIRoute } from 'astro';

export const GET: APIRoute = () => {
  let timer: ReturnType<typeof setTimeout>;
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      const encoder = new TextEncoder();
      const send = (sent: number) => {
        const more = sent < 3 ? `id: ${sent + 1}\ndata: event ${sent + 1}\n\n` : ': still here\n\n';
        controller.enqueue(encoder.encode(more));
        timer = setTimeout(send, sent + 1 < 3 ? 200 : 1000, sent + 1);
      };
      send(0);
    },
    cancel() {
      clearTimeout(timer);
    },
  });
  return new Response(body, {
    headers: { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' },
  });
};
