// Apollo Client: queries by GET and hash (automatic persisted queries), subscriptions over WebSocket.
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, HttpLink, InMemoryCache } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { GraphQLWsLink } from '@apollo/client/link/subscriptions';
import { OperationTypeNode } from 'graphql';
import { createClient } from 'graphql-ws';
import { AddCartItemsDocument, LoginDocument, LogoutDocument, OrderChangedDocument, OrdersDocument, PlaceOrderDocument } from '../example/built/generated/spa/graphql.js';

export function apollo(endpoint, { fetch, WebSocket }) {
  const socket = createClient({ url: endpoint.replace('http', 'ws'), webSocketImpl: WebSocket, retryAttempts: 0 });
  const sha256 = (text) => createHash('sha256').update(text).digest('hex');
  // Mutations never go by GET.
  const http = new PersistedQueryLink({ sha256, useGETForHashedQueries: true }).concat(new HttpLink({ uri: endpoint, fetch }));
  const client = new ApolloClient({
    link: ApolloLink.split(({ operationType }) => operationType === OperationTypeNode.SUBSCRIPTION, new GraphQLWsLink(socket), http),
    cache: new InMemoryCache({
      typePolicies: {
        Query: {
          fields: {
            orders: {
              keyArgs: ['where', 'orderBy'],
              merge: (before, page, { args }) => ({ ...page, nodes: [...(args.after ? before.nodes : []), ...page.nodes] }),
            },
          },
        },
      },
    }),
  });
  const mutate = async (mutation, input) => (await client.mutate({ mutation, variables: { input } })).data;
  const list = client.watchQuery({ query: OrdersDocument, variables: { first: 2 } });
  const page = ({ orders }) => ({ numbers: orders.nodes.map((o) => o.number), more: orders.pageInfo.hasNextPage, after: orders.pageInfo.endCursor });
  return {
    async login(input) {
      const { login } = await mutate(LoginDocument, input);
      return { username: login.viewer?.user.username, codes: login.errors.map((e) => e.code) };
    },
    logout: () => mutate(LogoutDocument),
    first: async () => page((await client.query({ query: OrdersDocument, variables: { first: 2 }, fetchPolicy: 'network-only' })).data),
    more: async (after) => page((await list.fetchMore({ variables: { after } })).data),
    cached: () => client.readQuery({ query: OrdersDocument, variables: { first: 2 } }).orders.nodes.map((o) => o.number),
    async order(items, idempotencyKey) {
      await mutate(AddCartItemsDocument, { items });
      return (await mutate(PlaceOrderDocument, { idempotencyKey })).placeOrder.order.number;
    },
    watch: (told, ended) => client.subscribe({ query: OrderChangedDocument }).subscribe({ next: ({ data }) => told(data.orderChanged.number), error: ended, complete: ended }),
    codeOf: (err) => CombinedGraphQLErrors.is(err) && err.errors[0].extensions.code,
    async close() {
      client.stop();
      await socket.dispose();
    },
  };
}
