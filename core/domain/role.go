package domain

import "slices"

// Role names a set of permissions.
type Role string

// The built-in roles.
const (
	RoleUser    Role = "user"    // every account; nothing beyond itself
	RoleAuditor Role = "auditor" // reads users and the audit log
	RoleAdmin   Role = "admin"   // everything
)

// ParseRole accepts the built-in roles.
func ParseRole(s string) (Role, error) {
	r := Role(s)
	if slices.Contains([]Role{RoleUser, RoleAuditor, RoleAdmin}, r) {
		return r, nil
	}
	return "", Invalid(FieldError{Field: "role", Code: CodeUnknownValue, Message: "The role must be one of user, auditor, admin."})
}
