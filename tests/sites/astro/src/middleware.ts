import { defineMiddleware } from 'astro:middleware';
import { count } from './renders';

export const onRequest = defineMiddleware(({ url }, next) => {
  count(url.pathname);
  return next();
});
