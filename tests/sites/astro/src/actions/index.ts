import { defineAction } from 'astro:actions';
import { z } from 'astro/zod';

export const server = {
  contact: defineAction({
    accept: 'form',
    input: z.object({
      name: z.string().trim().min(1).max(40),
      message: z.string().trim().min(1).max(1000),
    }),
    handler: ({ name, message }) => ({ name, words: message.split(/\s+/).length }),
  }),
};
