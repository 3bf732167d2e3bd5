// Relay's runtime on what its compiler made: a connection that grows, subscriptions by graphql-sse.
import { createClient } from 'graphql-sse';
import relay from 'relay-runtime';
import fill from '../relay/__generated__/OrderListFillMutation.graphql.js';
import login from '../relay/__generated__/OrderListLoginMutation.graphql.js';
import place from '../relay/__generated__/OrderListPlaceMutation.graphql.js';
import pagination from '../relay/__generated__/OrderListPaginationQuery.graphql.js';
import query from '../relay/__generated__/OrderListQuery.graphql.js';
import changed from '../relay/__generated__/OrderListChangedSubscription.graphql.js';
import logout from '../relay/__generated__/OrderListLogoutMutation.graphql.js';
import list from '../relay/__generated__/OrderList_query.graphql.js';
import row from '../relay/__generated__/OrderList_order.graphql.js';

const { commitMutation, ConnectionHandler, createOperationDescriptor, Environment, fetchQuery, getSingularSelector, Network, Observable, RecordSource, requestSubscription, ROOT_ID, Store } = relay;

export function relayRuntime(endpoint, { fetch }) {
  const events = createClient({ url: endpoint, fetchFn: fetch, retryAttempts: 0 });
  const environment = new Environment({
    store: new Store(new RecordSource()),
    network: Network.create(
      async (request, variables) => {
        const response = await fetch(endpoint, {
          method: 'POST',
          headers: { 'Content-Type': 'application/json', Accept: 'application/graphql-response+json' },
          body: JSON.stringify({ query: request.text, variables }),
        });
        return response.json();
      },
      (request, variables) => Observable.create((sink) => events.subscribe({ query: request.text, variables }, sink)),
    ),
  });
  const mutate = (mutation, variables) =>
    new Promise((onCompleted, onError) => commitMutation(environment, { mutation, variables, onCompleted, onError }));

  const start = createOperationDescriptor(query, { count: 2, where: null });
  environment.retain(start);
  // What a component sees: the list by its fragment, each row by that of the row.
  const seen = () => {
    const { orders, ...data } = environment.lookup(getSingularSelector(list, environment.lookup(start.fragment).data)).data;
    return { ...data, ...orders, numbers: orders.edges.map(({ node }) => environment.lookup(getSingularSelector(row, node)).data.number) };
  };
  let before = 0;
  const page = () => {
    const { numbers, pageInfo } = seen();
    const added = numbers.slice(before);
    before = numbers.length;
    return { numbers: added, more: pageInfo.hasNextPage, after: pageInfo.endCursor };
  };
  return {
    async login(input) {
      const answer = await mutate(login, { input });
      return { username: answer.login.viewer?.user.username, codes: answer.login.errors.map((e) => e.code) };
    },
    logout: () => mutate(logout, {}),
    async first() {
      await fetchQuery(environment, query, start.request.variables).toPromise();
      return page();
    },
    async more(cursor) {
      await fetchQuery(environment, pagination, { count: 2, cursor, where: null }).toPromise();
      return page();
    },
    cached: () => seen().numbers,
    async order(items, idempotencyKey) {
      await mutate(fill, { input: { items } });
      const connection = ConnectionHandler.getConnectionID(ROOT_ID, 'OrderList_orders', { where: null });
      await mutate(place, { input: { idempotencyKey }, connections: [connection] });
      return seen().numbers[0]; // the new order is at the head of the list
    },
    watch(told, ended) {
      const { dispose } = requestSubscription(environment, {
        subscription: changed,
        variables: {},
        onNext: ({ orderChanged }) => told(orderChanged.number),
        onCompleted: ended,
        onError: ended,
      });
      return { unsubscribe: dispose };
    },
    codeOf: (err) => err.source?.errors[0].extensions.code,
    close: () => events.dispose(),
  };
}
