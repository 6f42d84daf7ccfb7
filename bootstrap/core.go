package bootstrap

import (
	"time"

	"go.uber.org/fx"

	"authserve/adapters/outbound/passhash"
	"authserve/core/account"
	"authserve/core/admin"
	"authserve/core/audit"
	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/core/throttle"
	"authserve/core/token"
	"authserve/core/upkeep"
)

func coreModule() fx.Option {
	return fx.Module("core",
		fx.Provide(
			passwordPolicy, sessionConfig, tokenConfig, deliveryConfig, upkeepConfig,
			throttleConfig, accountConfig, loginConfig,
			token.New, session.New, throttle.New, login.New, account.NewKeeper, account.New, account.NewEmails, account.NewPasswords, account.NewOwners, admin.New, delivery.New, upkeep.New,
			audit.New, audit.NewDenials,
		),
	)
}

func passwordPolicy(cfg Config) domain.PasswordPolicy {
	policy := domain.PasswordPolicy{MinLength: cfg.Password.MinLength, Context: cfg.Password.ContextWords}
	if cfg.Password.Algorithm == passhash.Bcrypt && !cfg.Password.Pepper { // the HMAC is short enough
		policy.MaxBytes = domain.MaxBcryptBytes
	}
	return policy
}

func accountConfig(cfg Config) account.Config {
	return account.Config{Privacy: cfg.Registration.Privacy}
}

func loginConfig(cfg Config) login.Config {
	return login.Config{RequireVerifiedEmail: verifiedOnly(cfg), Privacy: cfg.Registration.Privacy}
}

// verifiedOnly reports whether nobody logs in before they have proved to read their
// address. Where registration is private, nobody else could tell whose account it is.
func verifiedOnly(cfg Config) bool {
	return cfg.Registration.RequireVerifiedEmail || cfg.Registration.Privacy
}

// unverifiedAfter is the age at which accounts that nobody could use are removed.
const unverifiedAfter = 7 * 24 * time.Hour

func sessionConfig(cfg Config) session.Config {
	return session.Config{
		Limits: domain.SessionLimits{
			Idle: cfg.Session.IdleTTL, Absolute: cfg.Session.AbsoluteTTL, Grace: cfg.Token.RefreshGrace,
		},
		MaxPerAccount: cfg.Session.MaxPerAccount,
	}
}

// tokenConfig needs the listeners: with port 0 the issuer is the bound address.
func tokenConfig(cfg Config, l *listeners) token.Config {
	audience := cfg.Audience
	if audience == "" {
		audience = l.issuer
	}
	return token.Config{
		Issuer: l.issuer, Audience: audience,
		AccessTTL: cfg.Token.AccessTTL, Leeway: cfg.Token.Leeway, Algorithm: cfg.Token.Algorithm,
	}
}

func deliveryConfig(cfg Config) delivery.Config {
	return delivery.Config{
		Batch: 20, Lease: 4 * cfg.Guard.Mail.Timeout, Attempts: 24, // days: RFC 5321 section 4.5.4.1
		FirstPause: deliveryFirstPause, LongestPause: deliveryLongestPause,
	}
}

func upkeepConfig(cfg Config) upkeep.Config {
	expiry := unverifiedAfter
	if !verifiedOnly(cfg) {
		expiry = 0
	}
	return upkeep.Config{
		UnverifiedAfter:  expiry,
		SessionRetention: cfg.Upkeep.SessionRetention,
		MessageRetention: cfg.Upkeep.MessageRetention,
		FailureRetention: 90 * 24 * time.Hour,
		KeyRotation:      cfg.Token.KeyRotation,
		Batch:            500,
	}
}
