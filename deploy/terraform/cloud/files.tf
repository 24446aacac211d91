# The bucket for files of users, which all servers share. Backups copy what is in it; what the server removes is kept as
# an older version for two weeks, in case it was a mistake, or a thief of credentials.

resource "aws_s3_bucket" "files" {
  #checkov:skip=CKV_AWS_18:Reads and writes are in CloudTrail; a second bucket for logs needs the same care again.
  #checkov:skip=CKV_AWS_144:The backups hold every file, and are the copy elsewhere.
  #checkov:skip=CKV2_AWS_62:The server itself writes all objects; it needs no event for each.
  bucket_prefix = "${var.name}-files-"
  lifecycle {
    prevent_destroy = true
  }
}

resource "aws_s3_bucket_versioning" "files" {
  bucket = aws_s3_bucket.files.id
  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "files" {
  bucket = aws_s3_bucket.files.id
  rule {
    bucket_key_enabled = true
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "files" {
  bucket                  = aws_s3_bucket.files.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Unfinished uploads are removed by the server after a day; here, if it is gone.
resource "aws_s3_bucket_lifecycle_configuration" "files" {
  bucket = aws_s3_bucket.files.id
  rule {
    id     = "removed"
    status = "Enabled"
    filter {}
    noncurrent_version_expiration {
      noncurrent_days = 14
    }
    expiration {
      expired_object_delete_marker = true
    }
    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
  depends_on = [aws_s3_bucket_versioning.files]
}

data "aws_iam_policy_document" "files_encrypted_only" {
  statement {
    sid       = "EncryptedConnectionsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.files.arn, "${aws_s3_bucket.files.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "files" {
  bucket     = aws_s3_bucket.files.id
  policy     = data.aws_iam_policy_document.files_encrypted_only.json
  depends_on = [aws_s3_bucket_public_access_block.files]
}

# Without s3:DeleteObjectVersion: what a thief of the servers' credentials deletes remains as an older version.
data "aws_iam_policy_document" "files" {
  statement {
    sid       = "Bucket"
    actions   = ["s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [aws_s3_bucket.files.arn]
  }
  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.files.arn}/*"]
  }
  statement {
    sid       = "Key"
    actions   = ["kms:GenerateDataKey", "kms:Decrypt"]
    resources = [aws_kms_key.data.arn]
  }
}

resource "aws_iam_role_policy" "files" {
  name   = "files"
  role   = aws_iam_role.app.id
  policy = data.aws_iam_policy_document.files.json
}

locals {
  files = "s3://${aws_s3_bucket.files.id}/${var.name}?region=${var.region}"
}
