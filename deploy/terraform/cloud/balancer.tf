resource "aws_lb" "main" {
  #checkov:skip=CKV_AWS_91:The servers log each request with the client's address; a second log of addresses is more personal data.
  #checkov:skip=CKV2_AWS_28:Rates are limited by the servers; rule sets that know nothing of chats refuse messages with code.
  name                       = var.name
  load_balancer_type         = "application"
  internal                   = false
  ip_address_type            = "dualstack"
  security_groups            = [aws_security_group.proxy.id]
  subnets                    = aws_subnet.public[*].id
  drop_invalid_header_fields = true
  enable_deletion_protection = true
  # WebSockets: the server sends a heartbeat every 25 s, and gives a client up after three lost ones.
  idle_timeout = 90
}

# Health is asked of the port that serves users: a server that drains answers 503 there, and gets no new connections.
resource "aws_lb_target_group" "app" {
  name                          = "${var.name}-app"
  port                          = 4000
  #checkov:skip=CKV_AWS_378:TLS ends at the balancer; the servers' security group permits nobody else at this port.
  protocol                      = "HTTP"
  vpc_id                        = aws_vpc.main.id
  deregistration_delay          = 60
  load_balancing_algorithm_type = "least_outstanding_requests"
  health_check {
    path                = "/health/ready"
    matcher             = "200"
    interval            = 5
    timeout             = 3
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.main.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-3-2021-06"
  certificate_arn   = aws_acm_certificate_validation.main.certificate_arn
  default_action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.app.arn
  }
}

resource "aws_lb_listener" "http" {
  load_balancer_arn = aws_lb.main.arn
  port              = 80
  protocol          = "HTTP"
  default_action {
    type = "redirect"
    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

resource "aws_acm_certificate" "main" {
  domain_name       = var.hostname
  validation_method = "DNS"
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  for_each = {
    for each in aws_acm_certificate.main.domain_validation_options : each.domain_name => each
  }
  zone_id = var.zone_id
  name    = each.value.resource_record_name
  type    = each.value.resource_record_type
  records = [each.value.resource_record_value]
  ttl     = 60
}

resource "aws_acm_certificate_validation" "main" {
  certificate_arn         = aws_acm_certificate.main.arn
  validation_record_fqdns = [for each in aws_route53_record.validation : each.fqdn]
}

resource "aws_route53_record" "main" {
  for_each = toset(["A", "AAAA"])
  zone_id  = var.zone_id
  name     = var.hostname
  type     = each.key
  alias {
    name                   = aws_lb.main.dns_name
    zone_id                = aws_lb.main.zone_id
    evaluate_target_health = false
  }
}
