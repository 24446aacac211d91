data "aws_ami" "debian" {
  most_recent = true
  owners      = ["136693071363"] # Debian
  filter {
    name   = "name"
    values = ["debian-13-amd64-*"]
  }
}

resource "aws_key_pair" "operators" {
  key_name   = var.name
  public_key = var.ssh_key
}

data "aws_iam_policy_document" "instance" {
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "app" {
  name               = "${var.name}-app"
  assume_role_policy = data.aws_iam_policy_document.instance.json
}

data "aws_iam_policy_document" "secrets" {
  statement {
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_db_instance.main.master_user_secret[0].secret_arn, aws_secretsmanager_secret.backup_key.arn]
  }
  statement {
    actions   = ["kms:Decrypt"]
    resources = [aws_kms_key.data.arn]
  }
}

resource "aws_iam_role_policy" "secrets" {
  name   = "secrets"
  role   = aws_iam_role.app.id
  policy = data.aws_iam_policy_document.secrets.json
}

resource "aws_iam_role_policy" "backups" {
  name   = "backups"
  role   = aws_iam_role.app.id
  policy = module.backups.policy
}

resource "aws_iam_instance_profile" "app" {
  name = "${var.name}-app"
  role = aws_iam_role.app.name
}

module "backups" {
  source = "../backups"
  name   = var.name
}

# The key of the backups. Terraform never sees it: docs/backup.md says how to put it in.
resource "aws_secretsmanager_secret" "backup_key" {
  #checkov:skip=CKV2_AWS_57:A new key is given by an operator, who keeps the old one for old backups.
  name                    = "${var.name}/backup-key"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 30
}

resource "aws_launch_template" "app" {
  name_prefix            = "${var.name}-app-"
  image_id               = data.aws_ami.debian.id
  instance_type          = var.instance_type
  key_name               = aws_key_pair.operators.key_name
  vpc_security_group_ids = [aws_security_group.app.id]
  ebs_optimized          = true
  iam_instance_profile {
    arn = aws_iam_instance_profile.app.arn
  }
  metadata_options {
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # the container shares the machine's network
  }
  monitoring {
    enabled = true
  }
  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      encrypted   = true
      kms_key_id  = aws_kms_key.data.arn
      volume_size = var.server_gb
      volume_type = "gp3"
    }
  }
  user_data = base64encode(templatefile("${path.module}/server.yaml.tftpl", {
    image      = var.image
    hostname   = var.hostname
    region     = var.region
    database   = aws_db_instance.main.address
    secret     = aws_db_instance.main.master_user_secret[0].secret_arn
    backup_key = aws_secretsmanager_secret.backup_key.arn
    target     = module.backups.target
    files      = local.files
    proxies    = join(",", aws_subnet.public[*].cidr_block)
  }))
  tag_specifications {
    resource_type = "instance"
    tags          = { Name = "${var.name}-app", Part = "app" }
  }
}

resource "aws_autoscaling_group" "app" {
  name                      = "${var.name}-app"
  min_size                  = var.servers
  max_size                  = var.most_servers
  vpc_zone_identifier       = aws_subnet.private[*].id
  target_group_arns         = [aws_lb_target_group.app.arn]
  health_check_type         = "ELB"
  health_check_grace_period = 300
  default_cooldown          = 300
  launch_template {
    id      = aws_launch_template.app.id
    version = aws_launch_template.app.latest_version
  }
  # A new image: one server after the other, each new one in service before an old one goes.
  instance_refresh {
    strategy = "Rolling"
    preferences {
      min_healthy_percentage = 100
      max_healthy_percentage = 150
      auto_rollback          = true
    }
  }
  tag {
    key                 = "Project"
    value               = var.name
    propagate_at_launch = true
  }
}

resource "aws_autoscaling_policy" "app" {
  name                   = "processor"
  autoscaling_group_name = aws_autoscaling_group.app.name
  policy_type            = "TargetTrackingScaling"
  target_tracking_configuration {
    target_value = 60
    predefined_metric_specification {
      predefined_metric_type = "ASGAverageCPUUtilization"
    }
  }
}
