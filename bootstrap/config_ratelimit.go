package bootstrap

import (
	"time"

	"authserve/core/domain"
)

// rateLimitLeaves are the settings of the limits. The defaults are for people: what a
// browser or an app of one person never reaches, nor an office behind one address.
func rateLimitLeaves() []leaf {
	tree := []leaf{
		boolLeaf("rate_limit.enabled", true, "Whether calls and failed attempts are limited at all. Without it nothing slows down who guesses passwords: turn it off only where something before the service does all of it.",
			func(c *Config) *bool { return &c.RateLimit.Enabled }),
	}
	for _, r := range []struct {
		name   string
		burst  int
		period time.Duration
		what   string
		at     func(*Config) *RateConfig
	}{
		{"login", 100, time.Minute, "Logins from one network, right ones included", func(c *Config) *RateConfig { return &c.RateLimit.Login }},
		{"register", 30, time.Hour, "Registrations from one network", func(c *Config) *RateConfig { return &c.RateLimit.Register }},
		{"mail", 30, time.Hour, "Calls from one network that have mail sent to a given address: forgotten passwords, verification again", func(c *Config) *RateConfig { return &c.RateLimit.Mail }},
		{"token", 600, time.Minute, "Calls from one network that present a refresh token or the token of a mail", func(c *Config) *RateConfig { return &c.RateLimit.Token }},
		{"session", 30, time.Minute, "Calls of one session that ask for the password again, or export the account", func(c *Config) *RateConfig { return &c.RateLimit.Session }},
		{"global", 600, time.Minute, "Of everybody together, each counted by itself: logins by unknown devices that fail, registrations, and calls that have mail sent", func(c *Config) *RateConfig { return &c.RateLimit.Global }},
		{"account", 90, time.Minute, "Attempts on one account by unknown devices that fail or are under way", func(c *Config) *RateConfig { return &c.RateLimit.Account }},
		{"account_network", 70, time.Minute, "The same from one network, or from one device or session that the account knows", func(c *Config) *RateConfig { return &c.RateLimit.AccountNetwork }},
		{"mailbox", 20, time.Hour, "Mails of one kind that strangers have sent to one address", func(c *Config) *RateConfig { return &c.RateLimit.Mailbox }},
		{"mailbox_network", 5, time.Hour, "The same from one network", func(c *Config) *RateConfig { return &c.RateLimit.MailboxNetwork }},
	} {
		at := r.at
		tree = append(tree,
			intLeaf("rate_limit."+r.name+".burst", r.burst, numbers{1, 1000000}, "calls", r.what+": so many at once, and so many in each period on average.",
				func(c *Config) *int { return &at(c).Burst }),
			durationLeaf("rate_limit."+r.name+".period", r.period, durations{time.Second, day}, "The time in which that many are there again.",
				func(c *Config) *time.Duration { return &at(c).Period }))
	}
	return append(tree,
		intLeaf("rate_limit.free_failures", 5, numbers{1, domain.MaxFailures}, "failures", "Failures in a row, to prove who one is, without a delay. Then each doubles the delay, from one second.",
			func(c *Config) *int { return &c.RateLimit.FreeFailures }),
		intLeaf("rate_limit.max_failures", domain.MaxFailures, numbers{10, domain.MaxFailures}, "failures", "Failures in a row after which unknown devices are refused until the password was reset (NIST SP 800-63B-4 section 3.2.2 allows 100). Devices and sessions that the account knows are counted by themselves.",
			func(c *Config) *int { return &c.RateLimit.MaxFailures }),
		durationLeaf("rate_limit.longest_delay", 15*time.Minute, durations{time.Second, time.Hour}, "The longest delay after a failure.",
			func(c *Config) *time.Duration { return &c.RateLimit.LongestDelay }))
}
