// As much of a browser as a client needs: it keeps the session's cookie, and says where requests come from.
import WebSocket from 'ws';

export function browser(origin) {
  const cookies = new Map();
  const headers = () => ({ Origin: origin, Cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') });
  return {
    cookies,
    async fetch(url, options = {}) {
      const sent = new Headers(options.headers);
      for (const [name, value] of Object.entries(headers())) if (value) sent.set(name, value);
      const response = await fetch(url, { ...options, headers: sent });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie);
        if (value === '') cookies.delete(name);
        else cookies.set(name, value);
      }
      return response;
    },
    WebSocket: class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols, { headers: headers() });
      }
    },
  };
}
