export const DOT = "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8z";
