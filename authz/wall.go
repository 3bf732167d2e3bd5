package authz

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"
)

// systemWall is what Wall says of the server itself: of no tenant, and it reaches all.
var systemWall = strings.Join([]string{uuid.Nil.String(), uuid.Nil.String(), uuid.Nil.String(), "-", "", "*"}, " ")

// SystemWall is what the database is told where the server works for itself.
func SystemWall() string { return systemWall }

// Wall is what the database is told of the context's viewer, for the policies of its
// row security: who it is, and which actions reach beyond its tenant, from the lines
// of the policy. Empty where there is no viewer: nothing is visible then.
//
// The fields, with a space between: tenant, user, operator, path of the tenant, actions
// that reach the tenants below, actions that reach every row; the migration that builds
// the wall reads them.
func Wall(ctx context.Context) (string, error) {
	v, _ := FromContext(ctx)
	switch {
	case v == nil:
		return "", nil
	case v.system:
		return systemWall, nil
	}
	p, err := load()
	if err != nil {
		return "", err
	}
	below, all := ",", ","
	for role := range v.everyRole {
		below, all = below+p.below[role], all+p.all[role]
	}
	return v.Tenant.String() + " " + v.User.String() + " " + v.Operator.String() + " " + v.TenantPath + " " + below + " " + all, nil
}

// reaching are the actions that a role may do by this relation, each followed by a comma.
func (p *policy) reaching(role Role, relation Relation) string {
	var b strings.Builder
	for _, action := range slices.Sorted(maps.Keys(p.scopes[role])) {
		if slices.Contains(p.scopes[role][action], relation) {
			b.WriteString(action + ",")
		}
	}
	return b.String()
}
