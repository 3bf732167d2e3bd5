// Package authz decides who may do what, and on which rows.
//
// The policy is policy.csv: one line for each thing that a role may do, with the
// relation that the viewer must have to what it does it on. Casbin answers from
// these lines in two ways that cannot drift apart (AC-15):
//
//   - Allows and Can enforce: may this viewer do this at all, or to this thing?
//   - Scope gives the relations of an action, and package rows renders them as
//     the SQL predicate that every query, update and delete gets.
//
// Rights on single contracts are rows of the grants and connections tables, never
// policy lines: the cost of a decision does not depend on how many there are.
//
// The package knows neither ent nor graph nor HTTP.
package authz
