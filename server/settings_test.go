package server_test

import (
	"testing"

	"kontor/server/servertest"
)

// changeSettings changes the settings of a company; there is no operation of the
// clients for it.
func changeSettings(t *testing.T, c *servertest.Client, input map[string]any) *servertest.Answer {
	t.Helper()
	return c.Do(t, `mutation($input: UpdateTenantSettingsInput!) { updateTenantSettings(input: $input) {
		tenant { id settings { loginNeedsOrganization usersCreatedBy namesChangeable passwordPolicy mandatoryContactFields sessionIdleMinutes sessionAbsoluteMinutes } }
		errors { code field message contact { name } } } }`, servertest.Vars{"input": input})
}
