// The list of orders as a Relay frontend has it. The compiler reads this file; what it makes of it,
// the test of the runtime loads.
import { graphql } from 'relay-runtime';

export const fragment = graphql`
  fragment OrderList_query on Query
  @argumentDefinitions(count: { type: "Int", defaultValue: 20 }, cursor: { type: "String" }, where: { type: "OrderFilter" })
  @refetchable(queryName: "OrderListPaginationQuery") {
    orders(first: $count, after: $cursor, where: $where) @connection(key: "OrderList_orders", filters: ["where"]) {
      edges {
        node {
          ...OrderList_order
        }
      }
    }
  }
`;

export const row = graphql`
  fragment OrderList_order on Order {
    id
    number
    state
    gross {
      amount
      currency
    }
  }
`;

export const query = graphql`
  query OrderListQuery($count: Int!, $where: OrderFilter) {
    ...OrderList_query @arguments(count: $count, where: $where)
  }
`;

export const login = graphql`
  mutation OrderListLoginMutation($input: LoginInput!) {
    login(input: $input) {
      viewer {
        user {
          username
        }
      }
      errors {
        code
      }
    }
  }
`;

export const logout = graphql`
  mutation OrderListLogoutMutation {
    logout {
      errors {
        code
      }
    }
  }
`;

export const fill = graphql`
  mutation OrderListFillMutation($input: AddCartItemsInput!) {
    addCartItems(input: $input) {
      cart {
        id
      }
      errors {
        code
      }
    }
  }
`;

export const place = graphql`
  mutation OrderListPlaceMutation($input: PlaceOrderInput!, $connections: [ID!]!) {
    placeOrder(input: $input) {
      order @prependNode(connections: $connections, edgeTypeName: "OrderEdge") {
        ...OrderList_order
      }
      errors {
        code
      }
    }
  }
`;

export const changed = graphql`
  subscription OrderListChangedSubscription {
    orderChanged {
      ...OrderList_order
      number
    }
  }
`;
