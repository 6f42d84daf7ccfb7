package schema

import (
	"fmt"

	"entgo.io/ent/dialect"
)

// columnType names the type of a column where a database's default would not do;
// the other databases keep ent's choice.
type columnType = map[string]string

// uuidColumn holds a UUID as text: MySQL has no native type for it.
func uuidColumn() columnType { return columnType{dialect.MySQL: "char(36)"} }

// instantColumn holds whole microseconds; ent's choice for MySQL holds whole
// seconds and ends in 2038.
func instantColumn() columnType { return columnType{dialect.MySQL: "datetime(6)"} }

// binaryColumn holds at most size bytes; MySQL cannot index a blob.
func binaryColumn(size int) columnType {
	return columnType{dialect.MySQL: fmt.Sprintf("varbinary(%d)", size)}
}

// textColumn holds at most size characters, where ent's choice for MySQL holds 255.
func textColumn(size int) columnType {
	return columnType{dialect.MySQL: fmt.Sprintf("varchar(%d)", size)}
}

// exactColumn holds text of at most size bytes that is compared byte by byte: the texts
// of MySQL and MariaDB have no collation in common that sees a space at the end.
func exactColumn(size int) columnType { return binaryColumn(size) }
