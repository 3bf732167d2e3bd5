package page

import (
	"slices"
	"strings"
)

// step is a command to copy into a terminal. Text names its explanation.
type step struct{ Text, Command string }

// allSteps lead from login to a placed order and out again. A client that sends
// the session cookie has to send Origin too: that is how the server tells its own
// pages from other sites.
var allSteps = []step{
	{"step_setup", `kontor() {
  curl --silent --show-error --cookie kontor.cookies --cookie-jar kontor.cookies \
    --header 'Origin: BASE_URL' --header 'Content-Type: application/json' \
    --data "$1" BASE_URL/graphql; echo
}`},
	{"step_login", `kontor '{"query": "mutation ($input: LoginInput!) { login(input: $input) { viewer { user { displayName } } errors { message } } }",
  "variables": {"input": {"username": "USERNAME", "password": "PASSWORD"}}}'`},
	{"step_products", `kontor '{"query": "{ products(first: 5) { totalCount nodes { sku name price { amount currency } } } }"}'`},
	{"step_cart", `kontor '{"query": "mutation ($input: AddCartItemsInput!) { addCartItems(input: $input) { cart { gross { amount currency } } errors { message } } }",
  "variables": {"input": {"items": [{"sku": "TEL-DT-0101", "quantity": "2"}]}}}'`},
	{"step_order", `kontor '{"query": "mutation ($input: PlaceOrderInput!) { placeOrder(input: $input) { order { number state } errors { message } } }",
  "variables": {"input": {"idempotencyKey": "my-first-order"}}}'`},
	{"step_orders", `kontor '{"query": "{ orders(first: 3) { totalCount nodes { number state gross { amount currency } } } }"}'`},
	{"step_logout", `kontor '{"query": "mutation { logout { errors { message } } }"}'`},
}

// steps are the commands for this server, as the first master admin of the demo.
// Without demo logins the names in capitals stay for the reader to fill in.
func steps(opt Options) []step {
	fill := []string{"BASE_URL", opt.BaseURL}
	admin := slices.IndexFunc(opt.Logins, func(l Login) bool { return slices.Contains(l.Roles, "MASTER_ADMIN") })
	if admin >= 0 {
		fill = append(fill, "USERNAME", opt.Logins[admin].Username, "PASSWORD", opt.Logins[admin].Password)
	}
	filler := strings.NewReplacer(fill...)
	filled := slices.Clone(allSteps)
	for i := range filled {
		filled[i].Command = filler.Replace(filled[i].Command)
	}
	return filled
}
