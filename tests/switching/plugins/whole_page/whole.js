export const whole = true;
