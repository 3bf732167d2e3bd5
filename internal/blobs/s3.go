package blobs

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"gocloud.dev/blob"
	"gocloud.dev/blob/s3blob"

	"kontor/internal/dial"
)

// openBucket opens a bucket at an s3:// URL as the library does, and has it look at the addresses that it
// connects to. Credentials are asked for elsewhere: a machine's own come from an address that this refuses.
func openBucket(ctx context.Context, address string) (*blob.Bucket, error) {
	parsed, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	asked := parsed.Query()
	opened, err := new(s3blob.URLOpener).OpenBucketURL(ctx, parsed)
	if err != nil {
		return nil, err
	}
	defer opened.Close()
	var client *s3.Client
	if !opened.As(&client) {
		return nil, fmt.Errorf("%s is no bucket of S3", parsed.Host)
	}
	options := client.Options()
	options.HTTPClient = http.NewBuildableClient().WithDialerOptions(func(d *net.Dialer) { d.Control = dial.Look })
	with := s3blob.Options{KMSEncryptionID: asked.Get("kmskeyid"), RequestChecksumCalculation: options.RequestChecksumCalculation}
	for _, encryption := range with.EncryptionType.Values() {
		if strings.EqualFold(string(encryption), asked.Get("ssetype")) {
			with.EncryptionType = encryption
		}
	}
	return s3blob.OpenBucket(ctx, s3.New(options), parsed.Host, &with)
}
