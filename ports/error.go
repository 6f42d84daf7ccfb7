package ports

import (
	"errors"

	"authserve/core/domain"
)

// The answers that adapters give besides success. Adapters translate foreign
// errors into them by code, not by text, and wrap the foreign error as the cause.
var (
	// ErrNotFound: there is no such row.
	ErrNotFound = domain.NewError(domain.KindNotFound, domain.CodeNotFound, "It does not exist.")
	// ErrStale: a conditional write found the row changed, or gone.
	ErrStale = domain.NewError(domain.KindStale, domain.CodeStale, "It changed since it was read.")
	// ErrConflict: a unique value is taken; see Conflict and ConflictField.
	ErrConflict = domain.NewError(domain.KindConflict, domain.CodeConflict, "The value is taken.")
	// ErrUnavailable: the dependency did not do its work. Whether a write took
	// place is unknown.
	ErrUnavailable = domain.NewError(domain.KindUnavailable, domain.CodeDependencyUnavailable, "A required dependency is not available.")
	// ErrUnusable stands inside an ErrUnavailable that waiting does not mend: the
	// dependency refuses what it was asked for, such as a password, or is not what it
	// must be. A start that meets it ends; without it, the start tries again.
	ErrUnusable = domain.NewError(domain.KindUnavailable, "dependency_unusable", "Trying again does not help: somebody must mend it.")
	// ErrOverloaded: the adapter refused the work for want of time, mostly before it
	// began; whatever it began has no effect.
	ErrOverloaded = domain.NewError(domain.KindOverloaded, domain.CodeOverloaded, "The service is overloaded.")
	// ErrHoldsData: to revert a migration would delete rows.
	ErrHoldsData = domain.NewError(domain.KindConflict, "schema_holds_data", "To revert the migration deletes data.")
	// ErrReadOnly: a write inside View. It is a bug of the caller.
	ErrReadOnly = domain.NewError(domain.KindInternal, "store_read_only", "A write was tried in a read-only transaction.")
	// ErrNotEmpty: a store that must keep nothing keeps something.
	ErrNotEmpty = domain.NewError(domain.KindConflict, "store_not_empty", "The store is not empty.")
	// ErrUnsupported: the adapter does not implement the method (see Unsupported).
	ErrUnsupported = domain.NewError(domain.KindInternal, "unsupported", "This adapter does not support the operation.")
)

// Conflict returns ErrConflict for the unique field, for example "email".
func Conflict(field string) *domain.Error {
	return ErrConflict.WithFields(domain.FieldError{Field: field, Code: domain.CodeConflict, Message: "This value is taken."})
}

// ConflictField returns the field that err, an ErrConflict, speaks of.
func ConflictField(err error) (field string, ok bool) {
	if !errors.Is(err, ErrConflict) {
		return "", false
	}
	for _, f := range domain.FieldsOf(err) {
		return f.Field, true
	}
	return "", true
}
