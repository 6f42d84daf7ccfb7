package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"authserve/adapters/outbound/entstore"
)

// Servers are the servers of one test binary.
type Servers struct{ Postgres, MariaDB, MySQL *Server }

// New makes them; none is started yet.
func New() *Servers {
	return &Servers{
		Postgres: &Server{
			name: "PostgreSQL", variable: "TEST_POSTGRES_IMAGE", image: "postgres:17", port: "5432/tcp",
			environ: []string{"POSTGRES_PASSWORD=" + password},
			command: []string{
				"postgres", "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off", "-c", "max_connections=400",
			},
			tmpfs:  "/var/lib/postgresql/data",
			copies: true,
			admits: func(addr string) (*sql.DB, error) { return postgresPool(postgresURL(addr, "")) },
			url:    postgresURL,
			create: func(name string) string { return "CREATE DATABASE " + name },
			fit:    linguistic,
		},
		MariaDB: mysqlServer("MariaDB", "TEST_MARIADB_IMAGE", "mariadb:10.11"),
		MySQL:   mysqlServer("MySQL", "TEST_MYSQL_IMAGE", ""),
	}
}

func mysqlServer(name, variable, image string) *Server {
	return &Server{
		name: name, variable: variable, image: image, port: "3306/tcp",
		environ: []string{"MYSQL_ROOT_PASSWORD=" + password, "MARIADB_ROOT_PASSWORD=" + password},
		command: []string{
			"mysqld", "--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin", "--max-connections=500",
			"--innodb-sort-buffer-size=64M", "--innodb-log-file-size=512M", // Fill makes large indexes
			"--character-set-server=utf8mb4", "--collation-server=utf8mb4_bin",
		},
		tmpfs:  "/var/lib/mysql",
		admits: func(addr string) (*sql.DB, error) { return mysqlPool(addr, "") },
		url: func(addr, database string) string {
			return fmt.Sprintf("mysql://root:%s@%s/%s", password, addr, database)
		},
		create: func(name string) string {
			return "CREATE DATABASE " + name + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
		},
	}
}

// mysqlPool connects as who may do everything.
func mysqlPool(addr, database string) (*sql.DB, error) {
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net, config.Addr, config.DBName = "root", password, "tcp", addr, database
	config.Logger = &mysql.NopLogger{} // it would tell each try while the server starts
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, err
	}
	return sql.OpenDB(connector), nil
}

func postgresPool(url string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*config), nil
}

func postgresURL(addr, database string) string {
	if database == "" {
		database = "postgres"
	}
	return fmt.Sprintf("postgres://postgres:%s@%s/%s", password, addr, database)
}

// linguistic gives databases of PostgreSQL the order of a language, where the server
// can (PostgreSQL 15 with ICU), so that a column that was forgotten to compare its bytes
// is noticed: the servers of tests are often set up in the order of bytes.
func linguistic(ctx context.Context, admin *sql.DB) (options string, err error) {
	var able bool
	err = admin.QueryRowContext(ctx,
		"SELECT current_setting('server_version_num')::int >= 150000 AND EXISTS (SELECT FROM pg_collation WHERE collprovider = 'i')").Scan(&able)
	if err != nil || !able {
		return "", err
	}
	return " TEMPLATE template0 ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'en-US'", nil
}

// All lists them.
func (s *Servers) All() []*Server { return []*Server{s.Postgres, s.MariaDB, s.MySQL} }

// Main runs the tests and ends the containers; TestMain is for it.
func (s *Servers) Main(m *testing.M) int {
	code := m.Run()
	if err := s.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	return code
}

// Close ends the containers.
func (s *Servers) Close() error {
	var errs []error
	for _, server := range s.All() {
		if err := server.close(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", server.name, err))
		}
	}
	return errors.Join(errs...)
}

// Migrated makes a database with the schema that lives as long as t, and returns its
// URL.
func (s *Server) Migrated(t testing.TB) string {
	t.Helper()
	s.require(t)
	return s.lent(t, s.WithSchema)
}

// WithSchema is Empty with the schema. PostgreSQL copies a database that was migrated
// once.
func (s *Server) WithSchema(ctx context.Context) (string, error) {
	if !s.copies {
		url, err := s.Empty(ctx)
		if err == nil {
			err = migrate(ctx, url)
		}
		return url, err
	}
	s.template.Do(func() { //nolint:contextcheck // it outlives the test that asks first
		const name = "template_migrated"
		_, err := s.admin.ExecContext(context.Background(), s.create(name)+s.blank)
		s.templateErr = errors.Join(err, migrate(context.Background(), s.url(s.addr, name)))
		s.templateName = name
	})
	if s.templateErr != nil {
		return "", s.templateErr
	}
	return s.database(ctx, " TEMPLATE "+s.templateName)
}

func migrate(ctx context.Context, url string) error {
	m, err := entstore.NewMigrator(entstore.Config{URL: url})
	if err != nil {
		return err
	}
	_, err = m.Up(ctx)
	return err
}
