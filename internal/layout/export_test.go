package layout

import "context"

// LoadAtMost is Load with another bound: to reach that of Load takes a test a minute.
func LoadAtMost(ctx context.Context, files []File, most int64) (*Tree, error) {
	return load(ctx, files, most)
}
