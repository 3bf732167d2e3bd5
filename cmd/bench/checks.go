package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"kontor/authz"
	"kontor/ent"
	"kontor/ent/contract"
	"kontor/internal/access"
	"kontor/internal/db"
)

// checkTimes are the medians of a right check, in microseconds, with few grants in
// the table and with all of them.
type checkTimes struct {
	few, all           float64
	fewGrants, allRows int
}

// fewGrants is the size that the check is compared with.
const fewGrants = 1000

// rightChecks measures a decision about one right of one person on one contract:
// its facts from the database and Casbin's answer, in turns on the table of grants
// and on a small copy of it.
func rightChecks(ctx context.Context, url string, d *data) (checkTimes, error) {
	v := &authz.Viewer{User: d.sub, Tenant: d.tenants[1], TenantPath: d.tenants[0].String() + "/" + d.tenants[1].String() + "/",
		Operator: d.tenants[0], Roles: []authz.Role{authz.SubAdmin}, HoldsGrants: true}
	large, err := db.Open(authz.System(ctx), url)
	if err != nil {
		return checkTimes{}, err
	}
	defer large.Close()
	held, err := large.Client.Contract.Query().Where(contract.TenantID(v.Tenant)).Order(contract.ByID()).Limit(100).IDs(authz.System(ctx))
	if err != nil {
		return checkTimes{}, fmt.Errorf("choosing contracts to check: %w", err)
	}
	times := checkTimes{fewGrants: fewGrants}
	for _, statement := range []string{
		"CREATE SCHEMA small", "CREATE TABLE small.grants (LIKE public.grants INCLUDING ALL)",
		"INSERT INTO small.grants SELECT * FROM public.grants WHERE holder_id = '" + d.sub.String() + "' ORDER BY contract_id LIMIT 500",
		"INSERT INTO small.grants SELECT * FROM public.grants WHERE holder_id <> '" + d.sub.String() + "' LIMIT 500", "ANALYZE small.grants",
	} {
		if _, err := large.SQL.ExecContext(ctx, statement); err != nil {
			return checkTimes{}, fmt.Errorf("making a small table of grants: %w", err)
		}
	}
	if err := large.SQL.QueryRowContext(ctx, "SELECT count(*) FROM grants").Scan(&times.allRows); err != nil {
		return checkTimes{}, fmt.Errorf("counting grants: %w", err)
	}
	small, err := db.Open(authz.System(ctx), url+"&search_path=small,public")
	if err != nil {
		return checkTimes{}, err
	}
	defer small.Close()
	if _, err := small.SQL.ExecContext(ctx, "SELECT kontor_wall('grants', 'grant.view', also => 'holder_id = (SELECT kontor_user())')"); err != nil {
		return checkTimes{}, fmt.Errorf("giving the small table its wall: %w", err)
	}
	viewer := authz.NewContext(ctx, v)
	var few, all []float64
	for range 9 {
		for _, one := range []struct {
			on    *db.DB
			times *[]float64
		}{{small, &few}, {large, &all}} {
			took, err := check(viewer, one.on, v, held)
			if err != nil {
				return checkTimes{}, err
			}
			*one.times = append(*one.times, took)
		}
	}
	slices.Sort(few)
	slices.Sort(all)
	times.few, times.all = few[len(few)/2], all[len(all)/2]
	return times, nil
}

func check(ctx context.Context, d *db.DB, v *authz.Viewer, contracts []uuid.UUID) (float64, error) {
	rights := access.New(access.Needs{DB: d, Now: time.Now})
	const rounds = 800
	took := make([]time.Duration, 0, rounds)
	for i := range rounds {
		c := &ent.Contract{ID: contracts[i%len(contracts)], TenantID: v.Tenant}
		began := time.Now()
		may, err := rights.Can(ctx, d.Client, authz.View, c)
		if err != nil {
			return 0, fmt.Errorf("checking a right: %w", err)
		}
		if !may {
			return 0, fmt.Errorf("the holder of a grant on contract %s may not view it", c.ID)
		}
		if i >= rounds/4 { // the first ones warm up
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	return float64(took[len(took)/2]) / float64(time.Microsecond), nil
}
