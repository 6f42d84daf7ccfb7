package throttle

import (
	"context"
	"encoding/base64"
	"strconv"
	"time"

	"authserve/core/domain"
	"authserve/ports"
)

// Config says how much is too much.
type Config struct {
	Policy domain.ThrottlePolicy
	// Account bounds all attempts of unknown devices on one account, AccountNetwork those
	// from one network, or from one device or session that the account knows. A Burst
	// below Policy.Max keeps one volley of guesses from closing the class.
	Account, AccountNetwork domain.Rate
	// Strangers bounds the attempts of all unknown devices together; zero: unbounded.
	Strangers domain.Rate
	// Mail bounds the messages of one kind that strangers can have sent to one address,
	// MailNetwork those from one network. The first is the looser: whoever uses it up from
	// many networks fills the owner's mailbox with good links, rather than shutting it.
	Mail, MailNetwork domain.Rate
}

// Service counts and refuses. Safe for concurrent use.
type Service struct {
	limiter ports.Limiter
	sealer  ports.Sealer
	clock   ports.Clock
	cfg     Config
}

// New makes a Service.
func New(limiter ports.Limiter, sealer ports.Sealer, clock ports.Clock, cfg Config) *Service {
	return &Service{limiter: limiter, sealer: sealer, clock: clock, cfg: cfg}
}

// Class names those whose failures are counted together.
type Class struct {
	name  string
	known bool // by the account
}

// OfAccount is the class of unknown devices that try an account.
func OfAccount(id domain.ID) Class { return Class{name: "account\x00" + string(id)} }

// OfIdentifier is the class of those who try an identifier that nobody has.
func OfIdentifier(canonical string) Class { return Class{name: "identifier\x00" + canonical} }

// OfDevice is the class of one device that the account knows. It begins anew with a new
// password.
func OfDevice(account domain.Account, device domain.ID) Class {
	version := strconv.FormatInt(account.Version.Credential, 10)
	return Class{name: "device\x00" + string(account.ID) + "\x00" + version + "\x00" + string(device), known: true}
}

// OfSession is the class of one session, whose owner is asked for the password again.
func OfSession(id domain.ID) Class { return Class{name: "session\x00" + string(id), known: true} }

// Count is what is known of a class before an attempt.
type Count struct {
	class Class
	now   domain.Throttle
}

// Attempt is one attempt that was let through.
type Attempt struct {
	count   Count
	buckets []domain.Bucket
}

const (
	messageDelayed = "Too many failed attempts. Wait, and try again."
	messageClosed  = "Too many failed attempts. The password must be reset before it is accepted from here again."
	messageRate    = "Too many attempts. Wait, and try again."
)

// closedRetry is the Retry-After of a class that waiting does not open.
const closedRetry = time.Hour

func tooMany(message string, retryAfter time.Duration) error {
	return domain.NewError(domain.KindTooMany, domain.CodeTooManyAttempts, message).WithRetryAfter(retryAfter)
}

// Read reads the count of class.
func (s *Service) Read(ctx context.Context, tx ports.Tx, class Class) (Count, error) {
	key, err := s.mac(ctx, class.name)
	if err != nil {
		return Count{}, err
	}
	now, err := tx.Throttles().ByKey(ctx, key)
	now.Key = key
	return Count{class: class, now: now}, err
}

// Begin lets an attempt through, or refuses it before it costs anything. Errors:
// domain.CodeTooManyAttempts.
func (s *Service) Begin(ctx context.Context, count Count) (Attempt, error) {
	now := s.clock.Now()
	if s.cfg.Policy.IsClosed(count.now) {
		return Attempt{}, tooMany(messageClosed, closedRetry)
	}
	if wait := s.cfg.Policy.OpensAt(count.now).Sub(now); wait > 0 {
		return Attempt{}, tooMany(messageDelayed, wait)
	}
	buckets, err := s.buckets(ctx, count)
	if err != nil {
		return Attempt{}, err
	}
	verdict, err := s.limiter.Take(ctx, now, buckets...)
	if err != nil {
		return Attempt{}, err
	}
	if !verdict.Allowed {
		return Attempt{}, tooMany(messageRate, verdict.RetryAfter)
	}
	return Attempt{count: count, buckets: buckets}, nil
}

// buckets are those that an attempt takes from. Known devices and sessions share none
// with strangers. Callers without an address share none of a network.
func (s *Service) buckets(ctx context.Context, count Count) ([]domain.Bucket, error) {
	own := bucketKey(count.now.Key)
	if delay := s.cfg.Policy.Delay(count.now); delay > 0 {
		once := domain.Rate{Name: "failures", Burst: 1, Period: delay}
		return append(s.strangers(count.class), domain.Bucket{Key: own, Rate: once}), nil // full again when the next delay is over
	}
	if count.class.known {
		return []domain.Bucket{{Key: own, Rate: s.cfg.AccountNetwork}}, nil
	}
	buckets := append(s.strangers(count.class), domain.Bucket{Key: own, Rate: s.cfg.Account})
	if network := domain.ActorFrom(ctx).Network; network != "" {
		key, err := s.mac(ctx, count.class.name+"\x00from\x00"+network)
		if err != nil {
			return nil, err
		}
		buckets = append(buckets, domain.Bucket{Key: bucketKey(key), Rate: s.cfg.AccountNetwork})
	}
	return buckets, nil
}

// strangers is the one bucket that unknown devices share over all accounts.
func (s *Service) strangers(class Class) []domain.Bucket {
	if class.known || s.cfg.Strangers.IsZero() {
		return nil
	}
	return []domain.Bucket{{Rate: s.cfg.Strangers}}
}

func bucketKey(mac []byte) string { return base64.RawURLEncoding.EncodeToString(mac) }

// Fail counts the attempt as a failure, inside the transaction that audits it, and
// returns the count with it.
func (s *Service) Fail(ctx context.Context, tx ports.Tx, a Attempt) (domain.Throttle, error) {
	return tx.Throttles().Fail(ctx, a.count.now.Key, s.clock.Now())
}

// Closes reports whether the failure that made counted closed its class.
func (s *Service) Closes(counted domain.Throttle) bool { return counted.Failures == s.cfg.Policy.Max }

// Refusal is the answer to the attempt whose failure made counted: usual, or, where the
// class was closed before, what a right attempt is told then. Otherwise the answers to
// parallel guesses would tell which of them was right.
func (s *Service) Refusal(counted domain.Throttle, usual error) error {
	if counted.Failures > s.cfg.Policy.Max {
		return tooMany(messageClosed, closedRetry)
	}
	return usual
}

// Succeed forgets the failures of the attempt's class, inside the transaction of what
// the attempt was made for. Errors: domain.CodeTooManyAttempts when so many others
// failed meanwhile that the class is closed.
func (s *Service) Succeed(ctx context.Context, tx ports.Tx, a Attempt) error {
	now, err := tx.Throttles().ByKey(ctx, a.count.now.Key)
	switch {
	case err != nil || now.Failures == 0:
		return err
	case s.cfg.Policy.IsClosed(now):
		return tooMany(messageClosed, closedRetry)
	default:
		return tx.Throttles().Clear(ctx, a.count.now.Key)
	}
}

// Refund gives back what an attempt took that was right, after its transaction, or that
// nobody judged, also where the caller left. Where that fails, the buckets fill up by
// themselves.
func (s *Service) Refund(ctx context.Context, a Attempt) {
	_ = s.limiter.Return(context.WithoutCancel(ctx), s.clock.Now(), a.buckets...)
}

// Clear opens the account for unknown devices again, inside the transaction of its
// recovery.
func (s *Service) Clear(ctx context.Context, tx ports.Tx, account domain.ID) error {
	key, err := s.mac(ctx, OfAccount(account).name)
	if err != nil {
		return err
	}
	return tx.Throttles().Clear(ctx, key)
}

// Mail lets one message of the kind to the canonical address through that somebody
// asked for who need not own it. Each kind has buckets of its own: otherwise messages
// that are never sent could use up those of the owner's recovery. Errors:
// domain.CodeTooManyAttempts.
func (s *Service) Mail(ctx context.Context, kind domain.MessageKind, canonical string) error {
	name := "mail\x00" + string(kind) + "\x00" + canonical
	key, err := s.mac(ctx, name)
	if err != nil {
		return err
	}
	buckets := []domain.Bucket{{Key: bucketKey(key), Rate: s.cfg.Mail}}
	if network := domain.ActorFrom(ctx).Network; network != "" {
		if key, err = s.mac(ctx, name+"\x00from\x00"+network); err != nil {
			return err
		}
		buckets = append(buckets, domain.Bucket{Key: bucketKey(key), Rate: s.cfg.MailNetwork})
	}
	verdict, err := s.limiter.Take(ctx, s.clock.Now(), buckets...)
	if err == nil && !verdict.Allowed {
		return tooMany(messageRate, verdict.RetryAfter)
	}
	return err
}

// mac is the name under which something is counted: neither an address nor an
// identifier stands in what is kept. After a change of the master key counting begins
// anew.
func (s *Service) mac(ctx context.Context, name string) ([]byte, error) {
	return s.sealer.MAC(ctx, ports.PurposeThrottle, s.sealer.ActiveKey(), []byte(name))
}
