"""Makes the bucket S3_BUCKET at AWS_ENDPOINT_URL, unless it is there."""

import os

import boto3

store = boto3.session.Session().resource("s3")
name = os.environ["S3_BUCKET"]
if name not in {bucket.name for bucket in store.buckets.all()}:
    store.create_bucket(Bucket=name)
