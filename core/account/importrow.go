package account

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"authserve/core/domain"
	"authserve/ports"
)

// candidate is a row of a batch: an account to be, or the fault that refuses it.
type candidate struct {
	line            int
	sourceID, email string
	fault           domain.FieldError // empty code: none
	imported        domain.ImportedAccount
	emailKey        identifierKey
	usernameKey     identifierKey
}

func (c *candidate) legal() bool { return c.fault.Code == "" }

func (c *candidate) refusal(fault domain.FieldError) Refusal {
	return Refusal{
		Line: c.line, SourceID: c.sourceID, Email: c.email, Field: fault.Field, Code: fault.Code, Message: fault.Message,
	}
}

// candidate checks all of a row that can be checked without the store. Errors: those
// that do not concern this row alone.
func (s *Service) candidate(ctx context.Context, row ImportRow, err error) (candidate, error) {
	c := candidate{line: row.Line, sourceID: row.SourceID, email: row.Email}
	if err == nil {
		c.imported, err = s.imported(ctx, row)
	}
	if err != nil {
		fault, concernsRow := rowFault(err)
		if !concernsRow {
			return candidate{}, err
		}
		c.fault = fault
		return c, nil
	}
	c.emailKey = newIdentifierKey(c.imported.Account.Email.Canonical)
	c.usernameKey = newIdentifierKey(c.imported.Account.Username.Canonical)
	return c, nil
}

// rowFault takes the first fault out of an error that only concerns one row.
func rowFault(err error) (fault domain.FieldError, concernsRow bool) {
	var known *domain.Error
	if !errors.As(err, &known) || known.Kind != domain.KindInvalid && known.Kind != domain.KindMalformed {
		return domain.FieldError{}, false
	}
	if len(known.Fields) > 0 {
		return known.Fields[0], true
	}
	return domain.FieldError{Code: known.Code, Message: known.Message}, true
}

// imported makes the account of a row.
func (s *Service) imported(ctx context.Context, row ImportRow) (domain.ImportedAccount, error) {
	var none domain.ImportedAccount
	email, err := domain.ParseEmail(row.Email)
	if err != nil {
		return none, err
	}
	username, err := importedUsername(row.Username)
	if err != nil {
		return none, err
	}
	if err := domain.CheckDisplayName(row.DisplayName); err != nil {
		return none, err
	}
	if err := checkSourceID(row.SourceID); err != nil {
		return none, err
	}
	now := s.clock.Now()
	if err := checkCreatedAt(row.CreatedAt, now); err != nil {
		return none, err
	}
	hash, err := s.importedHash(row.PasswordHash)
	if err != nil {
		return none, err
	}
	id, err := s.importedID(ctx, email.Canonical, row.SourceID, row.CreatedAt)
	if err != nil {
		return none, err
	}
	account := domain.NewAccount(id, email, username, row.DisplayName, []domain.Role{domain.RoleUser}, now)
	if !row.CreatedAt.IsZero() {
		account.CreatedAt = domain.Instant(row.CreatedAt)
	}
	if row.EmailVerified {
		account.EmailVerifiedAt = now
	}
	if row.Disabled {
		account.Status = domain.AccountDisabled
	}
	event := domain.NewAuditEvent(s.ids.New(), domain.ActorFrom(ctx), domain.AuditAccountImported, id, now, nil)
	return domain.ImportedAccount{Account: account, Hash: hash, Event: event}, nil
}

// importedUsername refuses reserved names too: the owner of the row chose it, not
// the operator.
func importedUsername(name string) (domain.Username, error) {
	if name == "" {
		return domain.Username{}, nil
	}
	username, err := domain.ParseUsername(name)
	if err != nil {
		return domain.Username{}, err
	}
	if username.IsReserved() {
		return domain.Username{}, domain.Invalid(domain.FieldError{Field: "username", Code: domain.CodeReserved, Message: "This username is reserved."})
	}
	return username, nil
}

// unusableHash begins what Django stores for an account without a password
// (django.contrib.auth.hashers.UNUSABLE_PASSWORD_PREFIX).
const unusableHash = "!"

func (s *Service) importedHash(encoded domain.Secret) (domain.PasswordHash, error) {
	if encoded.IsZero() || strings.HasPrefix(encoded.Reveal(), unusableHash) {
		return domain.PasswordHash{}, nil
	}
	hash, err := s.keeper.hasher.Import(encoded)
	if fault, concernsRow := rowFault(err); err != nil && concernsRow {
		fault.Field = "password_hash"
		return domain.PasswordHash{}, domain.Invalid(fault)
	}
	return hash, err
}

const maxSourceID = 255 // bytes

func checkSourceID(id string) error {
	switch {
	case len(id) > maxSourceID:
		return domain.Invalid(domain.FieldError{Field: "source_id", Code: domain.CodeTooLong, Message: "The id of the row has more than 255 bytes."})
	case !utf8.ValidString(id):
		return domain.Invalid(domain.FieldError{Field: "source_id", Code: domain.CodeInvalidCharacter, Message: "The id of the row is not valid UTF-8."})
	default:
		return nil
	}
}

func checkCreatedAt(at, now time.Time) error {
	fault := func(message string) error {
		return domain.Invalid(domain.FieldError{Field: "created_at", Code: CodeOutOfRange, Message: message})
	}
	switch {
	case at.IsZero():
		return nil
	case at.Before(time.Unix(0, 0)):
		return fault("The account was created before 1970.")
	case at.After(now):
		return fault("The account was created in the future.")
	default:
		return nil
	}
}

// importedID is a UUIDv7 (RFC 9562 section 5.7) that follows from the row alone: its
// timestamp is createdAt, or 0 where that is unknown, and its other bits are a
// MAC of the canonical e-mail address and the id in the other program. So the same
// row gives the same account however often it is imported under one master key, and
// nobody without the key can hold a guessed address against an id.
//
// Where that id is a number, its last 26 bits are a counter before the MAC's 48
// (section 6.2, method 1): rows without a date, or with one date, still come to lie
// side by side in the store, which takes them several times as fast.
func (s *Service) importedID(ctx context.Context, email, sourceID string, createdAt time.Time) (domain.ID, error) {
	text := make([]byte, 0, 256)
	for _, field := range []string{email, sourceID} {
		text = binary.BigEndian.AppendUint64(text, uint64(len(field)))
		text = append(text, field...)
	}
	mac, err := s.sealer.MAC(ctx, ports.PurposeImport, s.sealer.ActiveKey(), text)
	if err != nil {
		return "", err
	}
	var id [16]byte
	if !createdAt.IsZero() {
		binary.BigEndian.PutUint64(id[:8], uint64(createdAt.UnixMilli())<<16)
	}
	copy(id[6:], mac)
	if n, err := strconv.ParseUint(sourceID, 10, 64); err == nil {
		binary.BigEndian.PutUint16(id[6:], uint16(n>>14&0x0fff))
		binary.BigEndian.PutUint16(id[8:], uint16(n&0x3fff))
	}
	id[6] = id[6]&0x0f | 0x70 // version 7
	id[8] = id[8]&0x3f | 0x80 // variant
	return domain.ID(fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])), nil
}
