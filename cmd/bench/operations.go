package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

const (
	orderFields = `id number state placedAt gross { amount currency }
		items { id position quantity product { sku name } unitPrice { amount currency } lineTotal { amount currency } }`
	orderList    = `query($first: Int!) { orders(first: $first) { totalCount nodes { ` + orderFields + ` } } }`
	oneOrder     = `query($number: String!) { order(number: $number) { ` + orderFields + ` } }`
	productList  = `query($first: Int!) { products(first: $first) { totalCount nodes { id sku name unit price { amount currency } priceBreaks { fromQuantity price { amount currency } } } pageInfo { hasNextPage endCursor } } }`
	contractList = `query($first: Int!) { contracts(first: $first) { nodes { id number type state validFrom myRights } pageInfo { hasNextPage endCursor } } }`
	login        = `mutation($u: String!, $p: String!) { login(input: {username: $u, password: $p, transport: BEARER}) { token errors { code } } }`
	addToCart    = `mutation($sku: String!, $date: Date) { addCartItems(input: {items: [{sku: $sku, quantity: "1", wishedDate: $date}]}) { cart { id } errors { code } } }`
	placeOrder   = `mutation($key: String!, $sku: String!) {
		addCartItems(input: {items: [{sku: $sku, quantity: "1"}]}) { errors { code } }
		placeOrder(input: {idempotencyKey: $key}) { order { number } errors { code } } }`
)

func body(query string, variables map[string]any) []byte {
	return encode(map[string]any{"query": query, "variables": variables})
}

// named is a request for one operation of a client's document.
func named(document, name string, variables map[string]any) []byte {
	return encode(map[string]any{"query": document, "operationName": name, "variables": variables})
}

func encode(request map[string]any) []byte {
	encoded, err := json.Marshal(request)
	if err != nil {
		panic(err)
	}
	return encoded
}

// operation is one row of the table.
type operation struct {
	name   string
	kontor request
	// floor is for the one that takes the tenant from a header; nil where the
	// comparators have no such operation.
	floor request
}

// on is the request for the i-th target: Kontor, gqlgen, the floor, Kontor without row security.
func (o operation) on(i int) request {
	if i == 0 || i == 3 || i == 1 && o.floor != nil {
		return o.kontor
	}
	return o.floor
}

const (
	// customers are how many companies the load of an operation comes from. Those
	// that are read, those that fill carts and those that place orders are others:
	// what is read stays the same in all rounds, and so do the carts.
	customers = 16
	// loginUsers are how many users log in, so that none has more sessions than it
	// may keep; nobody else works as one of them.
	loginUsers = 100
	// leastTenants has all of them, and those where many place orders at a time.
	leastTenants = max(3*customers+mostClients, loginUsers+1)
	// listLength is how many elements the lists ask for.
	listLength = 20
)

// enter logs a user in and gives the headers that it sends from then on.
func enter(ctx context.Context, kontor target, name string) (map[string]string, error) {
	content, err := kontor.post(ctx, body(login, map[string]any{"u": name, "p": benchPassword}), nil)
	if err != nil {
		return nil, err
	}
	var answer struct {
		Data struct{ Login struct{ Token string } }
	}
	if err := json.Unmarshal(content, &answer); err != nil || answer.Data.Login.Token == "" {
		return nil, fmt.Errorf("%s could not log in: %.300s", name, content)
	}
	return map[string]string{"Authorization": "Bearer " + answer.Data.Login.Token}, nil
}

// userOf is the name of a company's general user.
func userOf(company int) string { return fmt.Sprintf("user%d.0", company) }

// document reads a file of what the clients send.
func (o options) document(name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(o.operations, name+".graphql"))
	if err != nil {
		return "", fmt.Errorf("reading what the clients send: %w", err)
	}
	return string(content), nil
}

// operations logs the users of the load in, once, and gives the rows of the table.
func operations(ctx context.Context, kontor target, d *data) ([]operation, error) {
	var people, tenants []map[string]string
	for i := range 3 * customers {
		headers, err := enter(ctx, kontor, userOf(i+1))
		if err != nil {
			return nil, err
		}
		people = append(people, headers)
		tenants = append(tenants, map[string]string{"X-Tenant": d.tenants[i+1].String()})
	}
	readers, fillers, buyers := people[:customers], people[customers:2*customers], people[2*customers:]
	sub, err := enter(ctx, kontor, "user1.1")
	if err != nil {
		return nil, err
	}
	as := func(who []map[string]string, make func(connection, i int) []byte) request {
		return func(connection, i int) ([]byte, map[string]string) {
			return make(connection, i), who[connection%len(who)]
		}
	}
	first := body(orderList, map[string]any{"first": listLength})
	list := func(int, int) []byte { return first }
	one := func(connection, _ int) []byte {
		return body(oneOrder, map[string]any{"number": d.numbers[connection%customers]})
	}
	products, contracts := body(productList, map[string]any{"first": listLength}), body(contractList, map[string]any{"first": listLength})
	return []operation{
		{"login", as([]map[string]string{nil}, func(_, i int) []byte {
			return body(login, map[string]any{"u": fmt.Sprintf("user%d.1", 2+i%loginUsers), "p": benchPassword})
		}), nil},
		{"product list (20)", as(readers, func(int, int) []byte { return products }), nil},
		{"order list (20, items, products)", as(readers, list), as(tenants, list)},
		{"one order", as(readers, one), as(tenants, one)},
		{fmt.Sprintf("contract list (20 of %d, rights)", d.held), as([]map[string]string{sub}, func(int, int) []byte { return contracts }), nil},
		{"add to cart", as(fillers, func(_, i int) []byte { return body(addToCart, map[string]any{"sku": d.skus[i%5], "date": nil}) }), nil},
		{"add and place order", as(buyers, func(_, i int) []byte {
			return body(placeOrder, map[string]any{"key": fmt.Sprintf("bench-%d-%d", i, sequence.Add(1)), "sku": d.skus[i%5]})
		}), nil},
	}, nil
}
