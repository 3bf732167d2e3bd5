package demo

import "kontor/internal/erp"

// Login is a demo user as the start page shows it.
type Login struct {
	Tenant, Organization, Username string
	Roles                          []string
}

// Logins are all demo users, in the order of their file.
func Logins() ([]Login, error) {
	names := map[string]string{}
	if err := each(erp.Tenants, func(r *erp.Row) { names[r.Text("organization_id")] = r.Text("name") }); err != nil {
		return nil, err
	}
	var logins []Login
	err := each(erp.Users, func(r *erp.Row) {
		logins = append(logins, Login{
			Tenant: names[r.Text("organization_id")], Organization: r.Text("organization_id"), Username: r.Text("username"), Roles: r.List("roles"),
		})
	})
	return logins, err
}
