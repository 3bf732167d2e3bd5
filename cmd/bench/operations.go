package main

import (
	"context"
	"encoding/json"
	"fmt"
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
	encoded, err := json.Marshal(map[string]any{"query": query, "variables": variables})
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

// on is the request for the i-th target: Kontor, gqlgen, the floor.
func (o operation) on(i int) request {
	if i == 0 || i == 1 && o.floor != nil {
		return o.kontor
	}
	return o.floor
}

// customers are how many companies the load comes from.
const customers = 16

// loginUsers are how many users log in: more than sessions of one user would last.
const loginUsers = 100

// operations logs the users of the load in, once, and gives the rows of the table.
func operations(ctx context.Context, kontor target, d *data) ([]operation, error) {
	enter := func(name string) (map[string]string, error) {
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
	users, tenants := make([]map[string]string, customers), make([]map[string]string, customers)
	for i := range customers {
		var err error
		if users[i], err = enter(fmt.Sprintf("user%d.0", i+1)); err != nil {
			return nil, err
		}
		tenants[i] = map[string]string{"X-Tenant": d.tenants[i+1].String()}
	}
	sub, err := enter("user1.1")
	if err != nil {
		return nil, err
	}
	as := func(who []map[string]string, make func(connection, i int) []byte) request {
		return func(connection, i int) ([]byte, map[string]string) {
			return make(connection, i), who[connection%len(who)]
		}
	}
	first := body(orderList, map[string]any{"first": 20})
	list := func(int, int) []byte { return first }
	one := func(connection, _ int) []byte {
		return body(oneOrder, map[string]any{"number": d.numbers[connection%customers]})
	}
	products, contracts := body(productList, map[string]any{"first": 20}), body(contractList, map[string]any{"first": 20})
	return []operation{
		{"login", as([]map[string]string{nil}, func(_, i int) []byte {
			return body(login, map[string]any{"u": fmt.Sprintf("user%d.0", 1+i%loginUsers), "p": benchPassword})
		}), nil},
		{"product list (20)", as(users, func(int, int) []byte { return products }), nil},
		{"order list (20, items, products)", as(users, list), as(tenants, list)},
		{"one order", as(users, one), as(tenants, one)},
		{fmt.Sprintf("contract list (20 of %d, rights)", d.held), as([]map[string]string{sub}, func(int, int) []byte { return contracts }), nil},
		{"add to cart", as(users, func(_, i int) []byte { return body(addToCart, map[string]any{"sku": d.skus[i%5], "date": nil}) }), nil},
		{"add and place order", as(users, func(_, i int) []byte {
			return body(placeOrder, map[string]any{"key": fmt.Sprintf("bench-%d-%d", i, sequence.Add(1)), "sku": d.skus[i%5]})
		}), nil},
	}, nil
}
