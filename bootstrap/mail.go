package bootstrap

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.uber.org/zap"

	"authserve/adapters/inbound/cli"
	"authserve/adapters/inbound/worker"
	"authserve/adapters/outbound/letters"
	"authserve/core/delivery"
	"authserve/ports"
)

// newLetters needs the listeners: without a base for links it is the issuer, and with
// port 0 that is the bound address. Never is it what a request's Host header says.
func newLetters(cfg Config, l *listeners) (ports.Letters, error) {
	return letters.New(lettersConfig(cfg, l.issuer))
}

func lettersConfig(cfg Config, issuer string) letters.Config {
	base := cfg.Links.BaseURL
	if base == "" {
		base = issuer
	}
	return letters.Config{Base: base, Product: cfg.Mail.ProductName, Locale: cfg.Mail.Locale, Folder: cfg.Mail.Templates}
}

// mailFaults tries the templates before anything is opened.
func mailFaults(cfg Config) Faults {
	path := "mail.templates"
	if cfg.Mail.Templates == "" { // those of the program have no faults
		if slices.Contains(letters.Builtin(), cfg.Mail.Locale) {
			return nil
		}
		path = "mail.locale"
	}
	_, err := letters.New(lettersConfig(cfg, "https://issuer.example"))
	if err == nil {
		return nil
	}
	var faults Faults
	for line := range strings.Lines(err.Error()) {
		faults = append(faults, cfg.Fault(path, "has a fault: "+strings.TrimSpace(line)))
	}
	return faults
}

// checkMail says what mails are made of.
func checkMail(cfg Config) cli.Check {
	check := cli.Check{Name: "mail", Status: cli.CheckOK}
	issuer := cfg.Issuer
	if issuer == "" {
		issuer = "http://" + reachable(cfg.HTTP.Addr)
	}
	c := lettersConfig(cfg, issuer)
	w, err := letters.New(c)
	if err != nil { // the configuration's check has told
		check.Status, check.Summary = cli.CheckFail, "no mail can be written"
		return check
	}
	check.Summary = fmt.Sprintf("written in %s; links begin with %s/links/", strings.Join(w.Languages(), ", "), c.Base)
	switch {
	case !cfg.SMTP.URL.IsZero():
		check.Facts = append(check.Facts, "It leaves by SMTP; the server was not asked.")
	case cfg.DeveloperMailbox():
		check.Facts = append(check.Facts, "It goes to the developer mailbox, /dev/mail on the operations listener.")
	default:
		check.Status, check.Advice = cli.CheckWarn, "Mail is abandoned: set smtp.url and smtp.from."
	}
	return check
}

// deliveryTask moves the outbox, and counts and logs what became of it.
func deliveryTask(p workerParams) (worker.Task, error) {
	messages, err := p.Meters.Meter("authserve/bootstrap").Int64Counter("authserve.mail.messages", metric.WithUnit("{message}"),
		metric.WithDescription("Messages of the outbox by what became of an attempt: accepted by the mail system (sent), to be tried again (retried), given up (abandoned), or not worth sending any more (moot)."))
	if err != nil {
		return worker.Task{}, err
	}
	count := func(ctx context.Context, outcome string, n int) {
		if n > 0 {
			messages.Add(ctx, int64(n), metric.WithAttributes(attribute.String("outcome", outcome)))
		}
	}
	run := func(ctx context.Context) error {
		report, err := p.Relay.Deliver(ctx)
		count(ctx, "sent", report.Sent)
		count(ctx, "retried", report.Retried)
		count(ctx, "abandoned", report.Abandoned)
		count(ctx, "moot", report.Moot)
		logDelivery(p, report, err)
		return err
	}
	return worker.Task{Name: "delivery", Every: deliveryInterval, Run: run}, nil
}

func logDelivery(p workerParams, report delivery.Report, err error) {
	if report.Abandoned > 0 {
		p.Logger.Warn("mail abandoned", zap.Int("messages", report.Abandoned), zap.Error(err))
	}
	if report.Moot > 0 {
		p.Logger.Info("mail not needed any more", zap.Int("messages", report.Moot))
	}
	if report.Sent > 0 && p.Deliverer.mailbox != nil {
		p.Logger.Info("mail caught by the developer mailbox", zap.Int("messages", report.Sent), zap.String("path", "/dev/mail"))
	}
}
