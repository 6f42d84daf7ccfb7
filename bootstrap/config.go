package bootstrap

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"authserve/core/domain"
)

// Environment says how strict the service is with its own configuration.
type Environment string

// The environments. Production refuses what is convenient and unsafe.
const (
	Development Environment = "development"
	Production  Environment = "production"
)

// Config is the whole configuration. The table in config_tree.go gives path,
// default, unit, range and meaning of every field; docs/config.md is made of it.
type Config struct {
	Env            Environment
	DataDir        string
	HTTP           HTTPConfig
	Ops            OpsConfig
	Issuer         string // empty: derived from the bound address, in development only
	Audience       string // empty: the issuer
	Database       DatabaseConfig
	Cache          CacheConfig
	Redis          RedisConfig
	MasterKey      domain.Secret // empty: generated in DataDir, in development only
	SMTP           SMTPConfig
	Mail           MailConfig
	Links          LinksConfig
	Log            LogConfig
	Password       PasswordConfig
	Token          TokenConfig
	Session        SessionConfig
	TrustedProxies []netip.Prefix
	Guard          GuardConfig
	Upkeep         UpkeepConfig
	Audit          AuditConfig
	RateLimit      RateLimitConfig
	Registration   RegistrationConfig
	Breach         BreachConfig
	Backup         BackupConfig

	file     string // the configuration file; empty: none
	sources  map[string]Source
	faults   Faults
	warnings []string
}

// HTTPConfig is the public listener.
type HTTPConfig struct {
	Addr              string
	ReadHeaderTimeout time.Duration
	ReadTimeout       time.Duration
	WriteTimeout      time.Duration
	IdleTimeout       time.Duration
	RequestTimeout    time.Duration
	MaxHeaderBytes    int
	ShutdownTimeout   time.Duration
	CORSOrigins       []string
}

// OpsConfig is the operations listener.
type OpsConfig struct {
	Addr  string
	Hosts []string
	Pprof bool
}

// MigrateMode says what start-up does about the schema.
type MigrateMode string

// The ways to treat pending migrations at start.
const (
	MigrateAuto  MigrateMode = "auto"  // apply them
	MigrateCheck MigrateMode = "check" // refuse to start
	MigrateOff   MigrateMode = "off"   // do not look
)

// DatabaseConfig is the store.
type DatabaseConfig struct {
	URL         domain.Secret // see Config.DatabaseURL
	Migrate     MigrateMode
	Synchronous string // full or normal
	BusyTimeout time.Duration

	Readers, Writers int // 0: the store's choice
	StatementTimeout time.Duration
}

// CacheConfig bounds what is remembered of sessions and accounts.
type CacheConfig struct {
	Entries int
	TTL     time.Duration // 0: nothing is remembered
	Stale   time.Duration
}

// RedisConfig is how replicas hear of each other's writes.
type RedisConfig struct{ URL domain.Secret } // empty: they do not

// SMTPConfig is the way mail leaves.
type SMTPConfig struct {
	URL     domain.Secret
	From    string
	Timeout time.Duration
}

// MailConfig is what mails say.
type MailConfig struct {
	ProductName string
	Locale      string
	Templates   string // a folder; empty: those of the program
}

// LinksConfig is where the links in mails lead.
type LinksConfig struct{ BaseURL string } // empty: the issuer

// LogConfig is the log on standard output.
type LogConfig struct {
	Level  string
	Format string // json or console
}

// PasswordConfig is the policy for passwords and the cost of their hashes.
type PasswordConfig struct {
	MinLength         int
	Algorithm         string // argon2id or bcrypt
	BcryptCost        int
	Argon2MemoryKiB   int
	Argon2Time        int
	Argon2Parallelism int
	Pepper            bool
	ContextWords      []string
	Isolation         Isolation
	Nice              int
	Workers           int // 0: chosen by the machine
	Queue             int
}

// Isolation says where password hashes are computed.
type Isolation string

// The places.
const (
	IsolationAuto    Isolation = "auto"    // in child processes where they can be started
	IsolationProcess Isolation = "process" // in child processes, or refuse to start
	IsolationNone    Isolation = "none"    // in the service's own process
)

// TokenConfig is about access tokens and the rotation of refresh tokens.
type TokenConfig struct {
	AccessTTL    time.Duration
	RefreshGrace time.Duration
	Algorithm    domain.Algorithm
	Leeway       time.Duration
	KeyRotation  time.Duration // 0: never by itself
}

// SessionConfig limits sessions.
type SessionConfig struct {
	IdleTTL       time.Duration
	AbsoluteTTL   time.Duration
	MaxPerAccount int
}

// GuardConfig has the limits of each circuit breaker.
type GuardConfig struct {
	DBRead  CircuitConfig
	DBWrite CircuitConfig
	Hash    CircuitConfig
	Mail    CircuitConfig
	Breach  CircuitConfig
	Redis   CircuitConfig
	Limiter CircuitConfig
}

// CircuitConfig is one circuit breaker.
type CircuitConfig struct {
	Timeout       time.Duration
	MaxConcurrent int
	RequestVolume int
	ErrorPercent  int
	SleepWindow   time.Duration
}

// UpkeepConfig is the regular removal of what is over.
type UpkeepConfig struct {
	Interval         time.Duration
	SessionRetention time.Duration
	MessageRetention time.Duration
}

// AuditConfig is about the audit log.
type AuditConfig struct{ Retention time.Duration }

// RateLimitConfig says how often callers may ask, and how failures to prove who one is
// slow them down.
type RateLimitConfig struct {
	Enabled bool

	Login, Register, Mail, Token RateConfig // of one network
	Session                      RateConfig // of one session
	Global                       RateConfig // of all callers together
	Account, AccountNetwork      RateConfig // attempts on one account
	Mailbox, MailboxNetwork      RateConfig // mails to one address

	FreeFailures, MaxFailures int
	LongestDelay              time.Duration
}

// RateConfig is so many at once, and so many in each period on average.
type RateConfig struct {
	Burst  int
	Period time.Duration
}

// RegistrationConfig says who may register, and what registering reveals.
type RegistrationConfig struct {
	Privacy              bool
	RequireVerifiedEmail bool
}

// BreachConfig is the range query for breached passwords.
type BreachConfig struct{ URL string }

// BackupConfig is about snapshots at regular intervals.
type BackupConfig struct {
	Dir      string // empty: none are taken
	Interval time.Duration
	Keep     int
}

// String implements fmt.Stringer with the tree as Config.YAML prints it, so that
// a Config in a message or a log shows no secret.
func (c Config) String() string { return string(c.YAML()) }

// GoString implements fmt.GoStringer like String.
func (c Config) GoString() string { return c.String() }

// Faults returns everything that Load found wrong, for callers that have checks
// of their own to add before they report.
func (c Config) Faults() Faults { return append(Faults(nil), c.faults...) }

// Fault makes a fault of the leaf at path, with the source of its value.
func (c Config) Fault(path, message string) Fault {
	return Fault{Path: path, Message: message, Source: c.sources[path].String()}
}

// Source tells where the value of the leaf at path came from.
func (c Config) Source(path string) Source { return c.sources[path] }

// DatabaseURL returns the configured URL, or the URL of the SQLite file in the
// data directory, made absolute.
func (c Config) DatabaseURL() (domain.Secret, error) {
	if !c.Database.URL.IsZero() {
		return c.Database.URL, nil
	}
	file, err := filepath.Abs(filepath.Join(c.DataDir, "authserve.db"))
	if err != nil {
		return domain.Secret{}, fmt.Errorf("database.url: %w", err)
	}
	return domain.NewSecret((&url.URL{Scheme: "sqlite", Path: file}).String()), nil
}

// DeveloperMailbox reports whether mail goes to the mailbox on the operations
// listener: nothing else would deliver it, this is not production, and nobody
// beyond this machine can read it.
func (c Config) DeveloperMailbox() bool {
	return c.Env == Development && c.SMTP.URL.IsZero() && isLoopbackAddr(c.HTTP.Addr) && isLoopbackAddr(c.Ops.Addr)
}

// HealthURL returns the address under which a process on the same machine reaches
// /healthz of the public listener.
func (c Config) HealthURL() (string, error) {
	host, port, err := net.SplitHostPort(c.HTTP.Addr)
	if err != nil {
		return "", fmt.Errorf("http.addr: %w", err)
	}
	if port == "0" {
		return "", errors.New("http.addr: port 0 is chosen at start, so its health cannot be asked for")
	}
	if ip, err := netip.ParseAddr(host); host == "" || err == nil && ip.IsUnspecified() {
		host = "127.0.0.1"
		if ip.Is6() {
			host = "::1"
		}
	}
	return "http://" + net.JoinHostPort(host, port) + "/healthz", nil
}

func isLoopbackAddr(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && isLoopbackHost(host)
}

func isLoopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
