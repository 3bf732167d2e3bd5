// urql: all of it by itself, subscriptions as server-sent events.
import { cacheExchange, Client, fetchExchange } from '@urql/core';
import { AddCartItemsDocument, LoginDocument, LogoutDocument, OrderChangedDocument, OrdersDocument, PlaceOrderDocument } from '../example/built/generated/spa/graphql.js';

export function urql(endpoint, { fetch }) {
  // By default urql sends short queries by GET, which Kontor answers only when they are named by their hash.
  const client = new Client({ url: endpoint, fetch, exchanges: [cacheExchange, fetchExchange], preferGetMethod: false, fetchSubscriptions: true });
  const answered = ({ data, error }) => {
    if (error) throw error;
    return data;
  };
  const mutate = async (document, input) => answered(await client.mutation(document, { input }).toPromise());
  const variables = [];
  const read = async (after) => {
    if (after === null) variables.length = 0;
    variables.push({ first: 2, after });
    const { orders } = answered(await client.query(OrdersDocument, variables.at(-1), { requestPolicy: 'network-only' }).toPromise());
    return { numbers: orders.nodes.map((o) => o.number), more: orders.pageInfo.hasNextPage, after: orders.pageInfo.endCursor };
  };
  return {
    async login(input) {
      const { login } = await mutate(LoginDocument, input);
      return { username: login.viewer?.user.username, codes: login.errors.map((e) => e.code) };
    },
    logout: () => mutate(LogoutDocument),
    first: () => read(null),
    more: read,
    // Its cache is of documents: pages stand side by side.
    cached: () => variables.flatMap((each) => client.readQuery(OrdersDocument, each).data.orders.nodes.map((o) => o.number)),
    async order(items, idempotencyKey) {
      await mutate(AddCartItemsDocument, { items });
      return (await mutate(PlaceOrderDocument, { idempotencyKey })).placeOrder.order.number;
    },
    watch: (told, ended) =>
      client.subscription(OrderChangedDocument, {}).subscribe(({ data, error, hasNext }) => {
        if (data) told(data.orderChanged.number);
        if (error || hasNext === false) ended(error);
      }),
    codeOf: (err) => err.graphQLErrors?.[0]?.extensions.code,
    close() {},
  };
}
