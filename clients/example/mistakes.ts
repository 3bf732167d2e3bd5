// What the compiler finds in a client. Each of these lines has to be an error, or tsc fails.
import { OrderDocument, OrdersDocument } from './generated/spa/graphql.js';
import type { Kontor } from './kontor.js';

export async function mistakes(kontor: Kontor) {
  // @ts-expect-error a variable that the operation needs is missing
  await kontor.ask(OrdersDocument, {});
  // @ts-expect-error no such state
  await kontor.ask(OrdersDocument, { first: 1, where: { states: ['LOST'] } });
  const { order } = await kontor.ask(OrderDocument, { number: 'HANSA-000001' });
  // @ts-expect-error the order may not be there
  order.number;
  // @ts-expect-error not asked for
  order?.customerOrderNumbers;
  // @ts-expect-error amounts are exact decimals in strings, not numbers
  order?.gross.amount.toFixed(2);
}
