// What a portal does with orders: log in, read the list page by page, order something.
import { AddCartItemsDocument, LoginDocument, OrdersDocument, PlaceOrderDocument } from './generated/spa/graphql.js';
import type { OrdersQuery, OrderState } from './generated/spa/graphql.js';
import type { Kontor } from './kontor.js';

type Order = OrdersQuery['orders']['nodes'][number];

const open: OrderState[] = ['PENDING_APPROVAL', 'IN_PROGRESS'];

/** Logs in and gives the user's name; undefined for wrong credentials. */
export async function logIn(kontor: Kontor, username: string, password: string): Promise<string | undefined> {
  const { login } = await kontor.ask(LoginDocument, { input: { username, password, transport: 'COOKIE' } });
  return login.viewer?.user.username;
}

/** All orders of the company that wait for an approval or are in progress, the newest first. */
export async function* openOrders(kontor: Kontor, pageSize = 20): AsyncGenerator<Order> {
  for (let after: string | null = null; ; ) {
    const { orders }: OrdersQuery = await kontor.ask(OrdersDocument, { first: pageSize, after, where: { states: open } });
    yield* orders.nodes;
    if (!orders.pageInfo.hasNextPage) return;
    after = orders.pageInfo.endCursor;
  }
}

/** Orders a product at once. The key makes a second try harmless. */
export async function order(kontor: Kontor, sku: string, quantity: string, idempotencyKey: string): Promise<string> {
  const { addCartItems } = await kontor.ask(AddCartItemsDocument, { input: { items: [{ sku, quantity }] } });
  explain(addCartItems.errors);
  const { placeOrder } = await kontor.ask(PlaceOrderDocument, { input: { idempotencyKey } });
  explain(placeOrder.errors);
  if (!placeOrder.order) throw new Error('neither an order nor an error came');
  return placeOrder.order.number;
}

function explain(errors: { field: string[] | null; message: string }[]) {
  const first = errors[0];
  if (first) throw new Error(`${first.field?.join('.') ?? ''} ${first.message}`.trim());
}
