package config_test

import (
	"errors"
	"fmt"

	"cnfd/cmd/cnfd/internal/config"
)

func ExampleParse() {
	defaults := config.Default(config.User{Root: true})
	_, err := config.Parse("cnfd.yaml", []byte("api:\n  unix_mode: \"0666\"\ncache: {max_ttl: 0s}\n"), defaults)
	var problems config.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Println(p)
		}
	}
	c, err := config.Parse("cnfd.yaml", []byte("cache: {max_bytes: 32MiB}\n"), defaults)
	fmt.Println(c.Cache.MaxBytes, c.Cache.MaxTTL, err)
	// Output:
	// cnfd.yaml:2:14: api.unix_mode: 0666 is wider than 0660: let a group in, not everybody
	// cnfd.yaml:3:18: cache.max_ttl: want a second or more
	// 32MiB 5m0s <nil>
}
