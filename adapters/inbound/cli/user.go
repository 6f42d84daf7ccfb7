package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"authserve/core/admin"
	"authserve/core/domain"
)

// maxPasswordInput bounds what is read from standard input; the longest password
// is far below it.
const maxPasswordInput = 4096

func userCommand(a Actions, given *Config) *cobra.Command {
	user := group(&cobra.Command{
		Use:   "user",
		Short: "Manage accounts",
	})
	user.AddCommand(userCreateCommand(a, given), userImportCommand(a, given))
	return user
}

func userCreateCommand(a Actions, given *Config) *cobra.Command {
	var (
		account        admin.NewAccount
		username, role string
		fromStdin      bool
	)
	c := &cobra.Command{
		Use:   "create --email ADDRESS --role ROLE",
		Short: "Create an account with a password, such as the first administrator",
		Long: `Create an account with a password, such as the first administrator. It works on
the configured database, also while the service runs.

The password is asked for twice on a terminal, or is read from standard input up
to its end, less one line break, with --password-stdin.`,
		Example: `  authserve user create --email ada@example.com --role admin
  pass show ada | authserve user create --email ada@example.com --role admin --password-stdin --json`,
		Args: cobra.NoArgs,
	}
	flags := c.Flags()
	flags.SortFlags = false
	flags.StringVar(&account.Email, "email", "", "e-mail `address` (required)")
	flags.StringVar(&role, "role", "", "`role`: user, auditor or admin (required)")
	flags.StringVar(&username, "username", "", "`name` to log in with instead of the address")
	flags.StringVar(&account.DisplayName, "display-name", "", "`name` to show")
	flags.BoolVar(&fromStdin, "password-stdin", false, "read the password from standard input")
	return resultCommand(c, func(c *cobra.Command, _ []string) (created domain.Account, err error) {
		if account.Email == "" || role == "" {
			return created, usagef("--email and --role must be given")
		}
		if _, err := domain.ParseRole(role); err != nil {
			return created, usagef("--role must be one of user, auditor, admin")
		}
		account.Roles = []string{role}
		if c.Flags().Changed("username") {
			account.Username = &username
		}
		if account.Password, err = newPassword(c, fromStdin); err != nil {
			return created, err
		}
		return a.CreateUser(c.Context(), *given, account)
	}, newAccountJSON, func(w io.Writer, created domain.Account) error {
		_, err := fmt.Fprintf(w, "Created %s %s with id %s.\n", role, created.Email.Address, created.ID)
		return err
	})
}

// newPassword gets a password from standard input or asks for it on the terminal.
func newPassword(c *cobra.Command, fromStdin bool) (domain.Secret, error) {
	if fromStdin {
		data, err := io.ReadAll(io.LimitReader(c.InOrStdin(), maxPasswordInput+1))
		if err != nil {
			return domain.Secret{}, fmt.Errorf("read the password: %w", err)
		}
		if len(data) > maxPasswordInput {
			return domain.Secret{}, fmt.Errorf("standard input has more than %d bytes, which is no password", maxPasswordInput)
		}
		return domain.NewSecret(strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")), nil
	}
	terminal, ok := openTerminal(c.InOrStdin(), c.ErrOrStderr())
	if !ok {
		return domain.Secret{}, usagef("there is no terminal to ask for the password: give it on standard input with --password-stdin")
	}
	first, err := terminal.readPassword(c.Context(), "Password: ")
	if err != nil {
		return domain.Secret{}, err
	}
	second, err := terminal.readPassword(c.Context(), "The same again: ")
	if err != nil {
		return domain.Secret{}, err
	}
	if first != second {
		return domain.Secret{}, errors.New("the two passwords differ")
	}
	return first, nil
}

type accountJSON struct {
	ID          string    `json:"id"`
	Email       string    `json:"email"`
	Username    *string   `json:"username"`
	DisplayName *string   `json:"display_name"`
	Roles       []string  `json:"roles"`
	CreatedAt   time.Time `json:"created_at"`
}

func newAccountJSON(a domain.Account) any {
	out := accountJSON{ID: string(a.ID), Email: a.Email.Address, Roles: []string{}, CreatedAt: a.CreatedAt.UTC()}
	if !a.Username.IsZero() {
		out.Username = &a.Username.Name
	}
	if a.DisplayName != "" {
		out.DisplayName = &a.DisplayName
	}
	for _, role := range a.Roles {
		out.Roles = append(out.Roles, string(role))
	}
	return out
}
