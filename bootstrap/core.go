package bootstrap

import (
	"go.uber.org/fx"

	"authserve/adapters/outbound/passhash"
	"authserve/core/account"
	"authserve/core/admin"
	"authserve/core/delivery"
	"authserve/core/domain"
	"authserve/core/login"
	"authserve/core/session"
	"authserve/core/token"
	"authserve/core/upkeep"
)

func coreModule() fx.Option {
	return fx.Module("core",
		fx.Provide(
			passwordPolicy, sessionConfig, tokenConfig, deliveryConfig, upkeepConfig,
			token.New, session.New, login.New, account.New, account.NewPasswords, admin.New, delivery.New, upkeep.New,
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
	return upkeep.Config{
		SessionRetention: cfg.Upkeep.SessionRetention,
		MessageRetention: cfg.Upkeep.MessageRetention,
		KeyRotation:      cfg.Token.KeyRotation,
		Batch:            500,
	}
}
