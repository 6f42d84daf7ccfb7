package admin_test

import (
	"slices"
	"testing"

	"authserve/bootstrap/world"
	"authserve/core/admin"
	"authserve/core/domain"
)

func TestCreateAccountGivesRoles(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	name := "root"
	a, err := w.Admin.CreateAccount(t.Context(), admin.NewAccount{
		Email: "root@example.com", Username: &name, Password: domain.NewSecret(world.Password), Roles: []string{"admin", "user"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(a.Roles, []domain.Role{domain.RoleUser, domain.RoleAdmin}) {
		t.Errorf("roles = %v", a.Roles)
	}
	w.Login(t, "root@example.com")
}

func TestCreateAccountRefusesUnknownRoles(t *testing.T) {
	t.Parallel()
	w := world.New(t)
	_, err := w.Admin.CreateAccount(t.Context(), admin.NewAccount{Email: "a@example.com", Password: domain.NewSecret(world.Password), Roles: []string{"king"}})
	if f := domain.FieldsOf(err); len(f) != 1 || f[0].Field != "role" || f[0].Code != domain.CodeUnknownValue {
		t.Errorf("error %v, fields %v; want the role named", err, f)
	}
}
