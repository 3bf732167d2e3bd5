// The same story with each client that frontends use, against a Kontor of its own.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Kontor, Refused } from '../example/built/kontor.js';
import { logIn, openOrders, order } from '../example/built/orders.js';
import { start } from '../kontor.mjs';
import { apollo } from './apollo.mjs';
import { browser } from './browser.mjs';
import { relayRuntime } from './relay.mjs';
import { urql } from './urql.mjs';

const credentials = { username: 'martha.hansen', password: 'Kontor-2026!', transport: 'COOKIE' };
const items = [{ sku: 'TEL-DT-0101', quantity: '1' }];

let kontor;
before(async () => (kontor = await start()));
after(() => kontor?.stop());

for (const [name, connect] of Object.entries({ 'Apollo Client': apollo, urql, Relay: relayRuntime })) {
  describe(name, () => {
    let client;
    before(() => (client = connect(kontor.endpoint, browser(kontor.base))));
    after(() => client?.close());

    test('tells that a login is needed, and that it was wrong', async () => {
      await assert.rejects(client.first(), (err) => client.codeOf(err) === 'UNAUTHENTICATED');
      assert.deepEqual(await client.login({ ...credentials, password: 'wrong' }), { username: undefined, codes: ['INVALID_CREDENTIALS'] });
    });

    test('logs in with a cookie', async () => {
      assert.deepEqual(await client.login(credentials), { username: credentials.username, codes: [] });
    });

    test('reads a list page by page, and keeps it', async () => {
      const pages = [await client.first()];
      pages.push(await client.more(pages[0].after));
      pages.push(await client.more(pages[1].after));
      const numbers = pages.flatMap((page) => page.numbers);
      assert.deepEqual(pages.map((page) => [page.numbers.length, page.more]), [[2, true], [2, true], [2, true]]);
      assert.equal(new Set(numbers).size, 6);
      assert.deepEqual(client.cached(), numbers);
    });

    test('orders, and is told of it', async () => {
      const told = [];
      let tell;
      const subscription = client.watch((number) => (told.push(number), tell?.()), (err) => tell?.(err ?? new Error('the subscription ended')));
      // Not before the subscription began: what it begins with is what came before.
      await new Promise((resolve) => setTimeout(resolve, 500));
      const number = await client.order(items, `by ${name}`);
      await within(10_000, new Promise((resolve, reject) => {
        tell = (err) => (err ? reject(err) : told.includes(number) && resolve());
        tell();
      }));
      subscription.unsubscribe();
    });

    test('is told when the session ends', async () => {
      let end;
      const ended = new Promise((resolve) => (end = resolve));
      client.watch(() => {}, end);
      await new Promise((resolve) => setTimeout(resolve, 500));
      await client.logout();
      await within(10_000, ended);
    });
  });
}

test('the typed example logs in, orders and reads', async () => {
  const page = browser(kontor.base);
  const typed = new Kontor(kontor.endpoint, page.fetch);
  const read = async () => {
    const numbers = [];
    for await (const { number } of openOrders(typed, 2)) numbers.push(number);
    return numbers;
  };
  await assert.rejects(read(), (err) => err instanceof Refused && err.code === 'UNAUTHENTICATED');
  assert.equal(await logIn(typed, credentials.username, 'wrong'), undefined);
  assert.equal(await logIn(typed, credentials.username, credentials.password), credentials.username);
  const earlier = await read();
  const number = await order(typed, items[0].sku, '1', 'typed');
  assert.deepEqual(await read(), [number, ...earlier]);
  assert.equal(await order(typed, items[0].sku, '1', 'typed'), number, 'the same key is the same order');
  await assert.rejects(order(typed, 'NO-SUCH-SKU', '1', 'wrong'));
});

const within = (milliseconds, promise) =>
  Promise.race([promise, new Promise((_, reject) => setTimeout(() => reject(new Error('nothing came')), milliseconds).unref())]);
