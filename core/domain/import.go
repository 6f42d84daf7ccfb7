package domain

// ImportedAccount is an account that another program kept until now.
type ImportedAccount struct {
	Account Account
	Hash    PasswordHash // zero: no password, which the owner must set by a reset
	Event   AuditEvent
}

// Credential is the account's password; ok is false where it has none. Nobody knows
// when it was set, so it counts as old as the account.
func (i ImportedAccount) Credential() (c Credential, ok bool) {
	if i.Hash.IsZero() {
		return Credential{}, false
	}
	return Credential{
		AccountID: i.Account.ID, Hash: i.Hash,
		Version: i.Account.Version.Credential, ChangedAt: i.Account.CreatedAt,
	}, true
}

// TakenIdentifiers says which accounts have the identifiers that were asked for, by
// their canonical forms.
type TakenIdentifiers struct {
	Emails    map[string]ID
	Usernames map[string]ID
}

// MaxImportBatch is how many accounts one call imports at most.
const MaxImportBatch = 1000
