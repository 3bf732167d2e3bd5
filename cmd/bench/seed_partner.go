package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
)

const (
	// partnerCustomers are below the partner whose agent looks at them: more than a
	// page of its dashboard.
	partnerCustomers = 60
	// ofEach is how many orders and how many contracts each of them has. Of the
	// orders many are open and some failed, of the contracts some end soon.
	ofEach      = 100
	openOfEach  = ofEach * 3 / 10
	errorOfEach = ofEach / 10
	endOfEach   = ofEach / 10
	agent       = "agent"
)

// partner makes a partner with an agent and the customers below it. Nothing else is
// measured on them.
func (s *seeder) partner() error {
	operator := s.d.tenants[0]
	top := key()
	companies := []company{{top, operator, operator.String() + "/" + top.String() + "/", "PARTNER", "PARTNER"}}
	people := []person{{key(), top, agent, "PARTNER_AGENT"}}
	var masters []person
	for i := range partnerCustomers {
		id := key()
		companies = append(companies, company{id, top, companies[0].path + id.String() + "/", "CUSTOMER", fmt.Sprintf("K%05d", i)})
		masters = append(masters, person{key(), id, fmt.Sprintf("customer%d.0", i), "MASTER_ADMIN"})
		people = append(people, masters[i], person{key(), id, fmt.Sprintf("customer%d.1", i), "GENERAL_USER"})
	}
	if err := s.companies(companies); err != nil {
		return err
	}
	if err := s.persons(people); err != nil {
		return err
	}
	return s.ofCustomers(masters)
}

// ofCustomers gives the companies of the master admins orders and contracts.
func (s *seeder) ofCustomers(masters []person) error {
	orders := make([]uuid.UUID, ofEach*len(masters))
	for i := range orders {
		orders[i] = key()
	}
	err := s.copyFew("orders", orderColumns, len(orders), func(i int) []any {
		by, n := i/ofEach, i%ofEach
		state := "COMPLETED"
		switch {
		case n < openOfEach:
			state = "IN_PROGRESS"
		case n < openOfEach+errorOfEach:
			state = "ERROR"
		}
		return []any{orders[i], masters[by].tenant, fmt.Sprintf("K%05d-%06d", by, n+1), "", "", "", state, "NEW_ORDER", "PHONE",
			s.now.Add(time.Duration(n-ofEach) * time.Minute), masters[by].id, 1000000, 190000, 1190000, "EUR"}
	})
	if err != nil {
		return err
	}
	err = s.copyFew("order_items", itemColumns, len(orders), func(i int) []any {
		by := masters[i/ofEach]
		return []any{key(), by.tenant, orders[i], by.id, 1, s.d.products[0], s.d.skus[0], "Tischtelefon Modell 0", "piece", 20000, 500000, 1000000, 190000, "EUR"}
	})
	if err != nil {
		return err
	}
	err = s.copyFew("number_series", []string{"id", "tenant_id", "kind", "next"}, len(masters), func(i int) []any {
		return []any{key(), masters[i].tenant, "ORDER", ofEach + 1}
	})
	if err != nil {
		return err
	}
	return s.copyFew("contracts", append(slices.Clone(contractColumns), "valid_to"), ofEach*len(masters), func(i int) []any {
		ends := s.now.AddDate(2, 0, 0)
		if i%ofEach < endOfEach {
			ends = s.now.AddDate(0, 1, 0)
		}
		return []any{key(), masters[i/ofEach].tenant, fmt.Sprintf("K-%08d", i), "", "SERVICE_CONTRACT", "ACTIVE", s.now, s.now, ends}
	})
}
