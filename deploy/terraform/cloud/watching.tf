# One machine that watches: Prometheus and Alertmanager from Debian's packages. Its rules and channels, and Grafana
# (which is no package of Debian), are installed by the operator from deploy/observe.

resource "aws_iam_role" "watching" {
  name               = "${var.name}-watching"
  assume_role_policy = data.aws_iam_policy_document.instance.json
}

# Prometheus finds the servers by their tags.
data "aws_iam_policy_document" "discovery" {
  #checkov:skip=CKV_AWS_356:DescribeInstances knows no narrower resource.
  statement {
    actions   = ["ec2:DescribeInstances", "ec2:DescribeAvailabilityZones"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "discovery" {
  name   = "discovery"
  role   = aws_iam_role.watching.id
  policy = data.aws_iam_policy_document.discovery.json
}

resource "aws_iam_instance_profile" "watching" {
  name = "${var.name}-watching"
  role = aws_iam_role.watching.name
}

resource "aws_instance" "watching" {
  ami                         = data.aws_ami.debian.id
  instance_type               = "t3.small"
  key_name                    = aws_key_pair.operators.key_name
  subnet_id                   = aws_subnet.private[0].id
  iam_instance_profile        = aws_iam_instance_profile.watching.name
  ebs_optimized               = true
  monitoring                  = true
  user_data_replace_on_change = true
  vpc_security_group_ids = [
    aws_security_group.prometheus.id, aws_security_group.alertmanager.id, aws_security_group.grafana.id,
  ]
  user_data = templatefile("${path.module}/watching.yaml.tftpl", {
    name     = var.name
    region   = var.region
    hostname = var.hostname
  })
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
  }
  root_block_device {
    encrypted   = true
    kms_key_id  = aws_kms_key.data.arn
    volume_size = 50
    volume_type = "gp3"
  }
  tags = { Name = "${var.name}-watching", Part = "watching" }
  lifecycle {
    ignore_changes = [ami]
  }
}
