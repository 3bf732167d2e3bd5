// Package catalog is the room of products, categories and prices (CA-01). A tenant
// sees its assortment, the products that it has a price for, at its own prices.
// What is in a cart or was ordered is not its subject.
package catalog

import "kontor/internal/db"

// Service answers for the catalogue.
type Service struct{ db *db.DB }

// New is the room over a database.
func New(d *db.DB) *Service { return &Service{db: d} }
