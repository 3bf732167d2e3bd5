// Subscribes with graphql-ws and graphql-sse as a frontend does, places an order, and sees it arrive.
import { readFileSync } from 'node:fs';
import { createClient as overEvents } from 'graphql-sse';
import { createClient as overWebSocket } from 'graphql-ws';
import WebSocket from 'ws';

const orders = readFileSync(new URL('operations/spa/orders.graphql', import.meta.url), 'utf8');
const query = orders.slice(orders.indexOf('subscription OrderChanged'));

// subscriptions gives what went wrong, by client; nothing when both were told of an order.
export async function subscriptions(base) {
  const endpoint = `${base}/graphql`;
  const login = await post(endpoint, null, `mutation { login(input: {username: "martha.hansen", password: "Kontor-2026!", transport: BEARER}) { token } }`);
  const authorization = `Bearer ${login.login.token}`;
  const clients = {
    'graphql-ws': overWebSocket({ url: endpoint.replace('http', 'ws'), webSocketImpl: WebSocket, connectionParams: { Authorization: authorization }, retryAttempts: 0 }),
    'graphql-sse': overEvents({ url: endpoint, headers: { Authorization: authorization }, retryAttempts: 0 }),
  };
  const wrong = [];
  for (const [name, client] of Object.entries(clients)) {
    const events = client.iterate({ query });
    try {
      const order = (async () => {
        // Not before the subscription began: what it begins with is what came before.
        await new Promise((resolve) => setTimeout(resolve, 500));
        const placed = await post(endpoint, authorization, `mutation { addCartItems(input: {items: [{sku: "TEL-DT-0101", quantity: "1"}]}) { errors { code } }
          placeOrder(input: {idempotencyKey: "${name}"}) { order { number } errors { code } } }`);
        return placed.placeOrder.order.number;
      })();
      const told = await within(10_000, seen(events, await order));
      if (told !== 'IN_PROGRESS') wrong.push(`${name}: the order arrived as ${told}`);
    } catch (err) {
      wrong.push(`${name}: ${err.message ?? JSON.stringify(err)}`);
    } finally {
      await events.return?.();
      await client.dispose();
    }
  }
  return wrong;
}

// seen reads events up to the order with a number, and gives its state.
async function seen(events, number) {
  for await (const { data, errors } of events) {
    if (errors) throw new Error(errors[0].message);
    if (data.orderChanged.number === number) return data.orderChanged.state;
  }
  throw new Error('the subscription ended');
}

const within = (milliseconds, promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error('no event came')), milliseconds).unref())]);

async function post(endpoint, authorization, query) {
  const headers = { 'Content-Type': 'application/json', ...(authorization && { Authorization: authorization }) };
  const answer = await (await fetch(endpoint, { method: 'POST', headers, body: JSON.stringify({ query }) })).json();
  if (answer.errors) throw new Error(answer.errors[0].message);
  return answer.data;
}
