package text

import (
	"bytes"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/unicode"
)

// The marks at the beginning of a file that say how it is encoded.
const (
	byteOrderMark = "\xef\xbb\xbf"
	smallFirst    = "\xff\xfe"
	largeFirst    = "\xfe\xff"
)

// IsUTF16 says whether a file begins with a byte order mark of UTF-16.
func IsUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte(smallFirst)) || bytes.HasPrefix(data, []byte(largeFirst))
}

// Decoded returns the text of a file as Argo CD reads it: UTF-16 where a byte order mark says so, as PowerShell writes
// it, else UTF-8. The mark itself is left out. Bytes that are no UTF-8 become replacement characters; only behind the
// mark of UTF-8 they stay as they are.
func Decoded(data []byte) []byte {
	var decoder *encoding.Decoder
	switch {
	case bytes.HasPrefix(data, []byte(byteOrderMark)):
		return data[len(byteOrderMark):]
	case bytes.HasPrefix(data, []byte(smallFirst)):
		data, decoder = data[2:], unicode.UTF16(unicode.LittleEndian, unicode.IgnoreBOM).NewDecoder()
	case bytes.HasPrefix(data, []byte(largeFirst)):
		data, decoder = data[2:], unicode.UTF16(unicode.BigEndian, unicode.IgnoreBOM).NewDecoder()
	case utf8.Valid(data):
		return data
	default:
		decoder = unicode.UTF8.NewDecoder()
	}
	text, err := decoder.Bytes(data)
	if err != nil { // these decoders replace what they cannot read
		return data
	}
	return text
}
