package admin

import (
	"context"

	"authserve/core/account"
	"authserve/core/domain"
)

// Service administers accounts.
type Service struct {
	accounts *account.Service
}

// New makes a service.
func New(accounts *account.Service) *Service { return &Service{accounts: accounts} }

// NewAccount is what an operator gives to create an account.
type NewAccount struct {
	Email       string
	Password    domain.Secret
	Username    *string // nil: none
	DisplayName string
	Roles       []string
}

// CreateAccount creates an account with a first password, which only the command
// line may do; it is how the first administrator comes to be. Every account has
// the role user beside those given. Errors: as account.Service.Register, and
// domain.CodeValidation for an unknown role.
func (s *Service) CreateAccount(ctx context.Context, n NewAccount) (domain.Account, error) {
	roles := []domain.Role{domain.RoleUser}
	for _, name := range n.Roles {
		role, err := domain.ParseRole(name)
		if err != nil {
			return domain.Account{}, err
		}
		if role != domain.RoleUser {
			roles = append(roles, role)
		}
	}
	return s.accounts.Create(ctx, account.Registration{
		Email: n.Email, Password: n.Password, Username: n.Username, DisplayName: n.DisplayName,
	}, roles)
}
